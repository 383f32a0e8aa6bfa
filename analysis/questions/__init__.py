"""The analyses of studies that ask a question, and comparisons of two sides.

waits        what was observed of each trial's wait, in decay times, from memorizing on
wait_forms   the forms of the wait as a function of rows over N_c
wait_fits    a form fitted to waits, with clustered intervals, and what it predicts
half_rows    the rows at which half of the nets generalize, and how patience moves them
collapse     is delayed generalization one curve, and is there a critical dataset size?
pairs        do points of equal learning_rate x weight_decay generalize after equal times?
ungrokking   on how few rows do nets keep what they know, and how many do new nets need?
landmarks    what a net shows at a landmark, and the time that is then left
forecast     how well that time is foretold, on trials that were held out
sides        the two sides of a comparison, and which of their trials share data
matching     the cells that both sides have, and the trials that are compared
contrast     what changed from one side to the other, with intervals
what_differs in what the settings, axes and seeds of both sides differ
concordance  Harrell's C of censored times
spread       whether times fall into their predicted distributions as often as they should
"""
