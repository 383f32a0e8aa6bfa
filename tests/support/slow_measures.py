"""Progress measures the slow way: one row, one neuron, one bit at a time, in numpy's float64.

A net here is (incoming [p, n + 1], outgoing [p]); rows [N, n + 1] end with their 1.
"""

import numpy as np


def outputs(net, rows):
    incoming, outgoing = net
    return np.array([sum(np.maximum(incoming @ row, 0) * outgoing) for row in rows])


def prefixes(net):
    """The net of the 1, 2, ... p neurons with the largest norms, bias left out."""
    incoming, outgoing = net
    norms = [np.linalg.norm(row[:-1]) for row in incoming]
    order = sorted(range(len(norms)), key=lambda neuron: -norms[neuron])
    return [(incoming[order[:m]], outgoing[order[:m]]) for m in range(1, len(order) + 1)]


def effective_sparsity(net, rows):
    whole = np.sign(outputs(net, rows))
    agree = [np.array_equal(np.sign(outputs(part, rows)), whole) for part in prefixes(net)]
    return agree.index(True) + 1


def accuracy_sparsity(net, rows, labels):
    correct = [int((outputs(part, rows) * labels > 0).sum()) for part in prefixes(net)]
    return correct.index(correct[-1]) + 1


def sensitivity(net, rows):
    changed = 0
    for row in rows:
        for bit in range(len(row) - 1):
            flipped = row.copy()
            flipped[bit] *= -1
            changed += np.sign(outputs(net, [flipped])[0]) != np.sign(outputs(net, [row])[0])
    return changed / len(rows)


def arity(net, rows, neuron):
    incoming, outgoing = net
    before = np.sign(outputs(net, rows))
    falling = sorted(range(incoming.shape[1] - 1), key=lambda bit: -abs(incoming[neuron, bit]))
    for size in range(len(falling) + 1):
        pruned = incoming.copy()
        pruned[neuron, falling[size:]] = 0
        if np.array_equal(np.sign(outputs((pruned, outgoing), rows)), before):
            return size
    raise AssertionError("a net with all its weights predicts like itself")


def mean_arity(net, rows):
    needed = [size for size in (arity(net, rows, j) for j in range(len(net[1]))) if size]
    return np.mean(needed) if needed else 0.0


def fourier_gap(net, rows, relevant, neuron):
    """From sets: the coefficient of the activity at S less a bit of S, or plus one outside it."""
    active = [float(net[0][neuron] @ row > 0) for row in rows]

    def size(bits):
        parity = [np.prod(row[sorted(bits)]) for row in rows]
        return abs(np.mean([a * chi for a, chi in zip(active, parity, strict=True)]))

    smaller = [size(relevant - {bit}) for bit in relevant]
    larger = [size(relevant | {bit}) for bit in range(rows.shape[1] - 1) if bit not in relevant]
    return min(smaller) - max(larger, default=0.0)


def parity_coefficient(net, rows, relevant):
    return np.mean(outputs(net, rows) * rows[:, sorted(relevant)].prod(1))


def columns(net, initial, train, labels, test, relevant):
    """Every column of the catalogue for one net: its value."""
    weights, probes = net[0][:, :-1], test[:100]
    norms = [np.sqrt(sum(weight**2 for weight in row)) for row in weights]
    inside = sum(row[bit] ** 2 for row in weights for bit in relevant)
    gaps = [fourier_gap(net, test, relevant, neuron) for neuron in range(len(net[1]))]
    return {
        "effective_sparsity_train": effective_sparsity(net, train),
        "effective_sparsity_test": effective_sparsity(net, test),
        "accuracy_sparsity": accuracy_sparsity(net, train, labels),
        "mean_neuron_norm": np.mean(norms),
        "largest_neuron_norm": max(norms),
        "relevant_share": inside / sum(norm**2 for norm in norms),
        "weight_movement": max(abs(weights - initial[0][:, :-1]).ravel()),
        "sensitivity": sensitivity(net, probes),
        "arity": mean_arity(net, probes),
        "fourier_gap": max(gaps),
        "parity_coefficient": parity_coefficient(net, test, relevant),
    }
