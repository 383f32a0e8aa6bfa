"""What the signs in the cells of a diagram mean, briefly: the key beside the diagram.

The page shows the entries whose sign some cell on show has (signs.js), and draws the sign before
its words. *How to read the diagram* has the rules in full.
"""

CELL_SIGNS = {
    "count": "3 of its 5 trials generalized",
    "pale": "pale: its trials differ in phase",
    "hatched": "hatched: not watched long enough, may still change",
    "boundary": "half of the trials generalize; shaded: where this line may lie",
    "semi_grokking": "some trials generalized in part (semi-grokking)",
    "ungrokked": "some trials generalized and lost it again (ungrokked)",
    "broken": "some trials collapsed or diverged",
    "empty": "no trials",
    "coming": "trials are to come",
    "in_training": "trials are in training",
}
