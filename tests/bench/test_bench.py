"""`study bench`: that it measures what it says. How fast anything is, no test asserts."""

import json
import math
import os

import oracle
import pytest
import torch
from small import trials_of

from study import cli
from study.bench import bench_report, stopwatch, training_times, turns
from study.bench import suite as benchmark
from study.bench.gpu_sides import gpu_figures
from study.bench.plain_loop import PlainLoop
from study.bench.suite import bench, engine_on
from study.bench.targets import GPU_TARGETS, SHAPES, TARGETS, Shape, Target, judged
from study.engine.make import pick_engine
from study.engine.relu_engine import ReluEngine
from study.errors import StudyError
from study.trials.packing import group

TINY = {name: Shape(n=12, k=2, p=24, N=40, together=2, cap=5) for name in SHAPES}


@pytest.fixture(scope="module")
def report():
    """Of all shapes; the memory of B and C is not measured, as each takes a process."""
    measure = benchmark.pack_peak_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            benchmark,
            "pack_peak_bytes",
            lambda pack, engine: measure(pack, engine) if len(seen) == 1 else None,
        )
        seen = []
        return bench(engine_on("cpu"), TINY, repeats=1, growth=(2, 5), note=seen.append)


def test_every_bar_is_measured(report):
    rows = report.to_json()["bars"]
    assert [(row["name"], row["shape"]) for row in rows] == [
        (bar.name, bar.shape) for bar in TARGETS
    ]
    for row in rows:
        if row["name"] == "memory" and row["shape"] != "A":
            assert (row["measured"], row["met"]) == (None, None)
            continue
        assert math.isfinite(row["measured"]), row
        assert row["measured"] > 0, row
        judged = (row["at_least"], row["at_most"]) != (None, None)
        assert row["met"] in ({True, False} if judged else {None})


def test_a_report_says_where_its_numbers_come_from(report):
    report = report.to_json()
    assert json.loads(json.dumps(report)) == report
    machine = {"device", "device_name", "kernel", "instruction_set", "threads", "dtype"}
    assert machine | {"study", "torch", "numpy", "python", "date", "repeats"} < set(report)
    assert (report["device"], report["threads"]) == ("cpu", 1)
    for name, figures in report["shapes"].items():
        assert {key: figures[key] for key in ("n", "k", "p", "N", "B")} == {
            key: getattr(TINY[name], key) for key in ("n", "k", "p", "N", "B")
        }
        assert all(value > 0 for key, value in figures.items() if key.endswith(("_ms", "gflops")))
        assert 0 < figures["share_of_rows_learned"] <= 1


def test_the_table_and_the_chart_show_all_of_it(report):
    text = "\n".join(report.lines())
    for bar in TARGETS:
        assert f"\n{bar.name.replace('_', ' ')} " in text
    assert report.machine.kernel in text
    assert report.machine.torch in text
    for label in ("two dense products", "our epoch", "plain loop", "authors' epoch"):
        assert f"A  {label}" in text
    assert "█" in text


def test_the_torch_kernel_is_measured_alike(monkeypatch):
    monkeypatch.setattr(benchmark, "pack_peak_bytes", lambda *_: None)
    report = bench(ReluEngine(), {"B": TINY["B"]}, repeats=2, growth=(2, 5))
    measured = {verdict.bar.name: verdict.measured for verdict in report.bars}
    assert measured.pop("memory") is None
    assert None not in measured.values()
    assert report.machine.kernel == "torch"
    assert any(line.startswith("memory") and " -" in line for line in report.lines())


def test_every_side_is_measured_on_a_gpu():
    from emulated import emulated_engine

    engine, shape = emulated_engine(), Shape(n=12, k=2, p=24, N=40, together=2, cap=5, on_gpu=3)
    figures = gpu_figures(engine, shape, 1)
    bars = [bar for bar in GPU_TARGETS if bar.shape == "B"]
    verdicts = judged({"B": figures.numbers}, bars)
    assert None not in [verdict.measured for verdict in verdicts]
    number = figures.number
    assert number("net_epoch_us") == pytest.approx(1e3 * number("epoch_ms"))
    assert number("torch_kernel") == pytest.approx(number("torch_ms") / number("epoch_ms"))
    figures.numbers["peak"] = 0.5
    report = bench_report.BenchReport(
        benchmark.machine(engine), 1, 1.0, "a guess", {"B": figures}, verdicts
    )
    lines = "\n".join(report.lines())
    for said in ("torch kernel's epoch", "one core of the CPU", "a reading", "net epoch us"):
        assert said in lines
    assert report.to_json()["kernel"] == "cuda-sm90"


@pytest.mark.parametrize(
    ("limits", "below", "inside", "above"),
    [((2, None), False, True, True), ((None, 4), True, True, False), ((2, 4), False, True, False)],
)
def test_a_bar_is_met_within_its_limits(limits, below, inside, above):
    bar = Target("name", "A", "what", *limits)
    assert [bar.met(x) for x in (1, 2, 4, 5)] == [below, inside, inside, above]
    assert bar.met(None) is None
    assert Target("name", "A", "what").met(2) is None


def test_a_bar_of_the_chart_grows_with_its_share():
    lengths = [len(bench_report.bar_of(share)) for share in (0, 0.25, 0.5, 1)]
    assert lengths == [1, 10, 20, 40]


# One batch an epoch: then no order matters, and every loop must train the same network.
ONE_BATCH = {"train_size": 64, "batch_size": 64, "weight_decay": 0.01}


def test_the_plain_loop_and_the_authors_train_the_oracles_network():
    (trial,) = trials_of(ONE_BATCH, seeds=1)
    curve = oracle.train(ReluEngine().allocate([trial]), 0, 3)
    plain, authors = PlainLoop(trial), PlainLoop(trial)
    for epoch in range(3):
        train_loss, test_loss, train_accuracy, test_accuracy = authors.author_epoch()
        assert train_loss == pytest.approx(curve.train_loss[epoch], rel=1e-5)
        assert train_accuracy == curve.train_accuracy[epoch]
        assert test_accuracy == curve.test_accuracy[epoch]
        assert test_loss > 0
        plain.epoch()
    assert plain.loss(plain.train) == pytest.approx(curve.train_loss[3], rel=1e-5)
    for ours, theirs in zip(plain.net.parameters(), curve.net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_authors_readings_are_the_engines():
    (trial,) = trials_of({"weight_decay": 0.01}, seeds=1)
    engine, loop = pick_engine(trial), PlainLoop(trial)
    read = engine.read(engine.allocate([trial]))
    train_loss, test_loss, train_accuracy, test_accuracy = loop.author_epoch()
    assert train_loss == pytest.approx(read.train_loss[0], rel=1e-5)
    assert test_loss == pytest.approx(read.test_loss[0], rel=1e-5)
    assert train_accuracy == read.train_correct[0] / trial.train_size
    assert test_accuracy == read.test_correct[0] / trial.test_size


def test_both_kernels_count_the_rows_they_learn_from_alike():
    trials = trials_of(ONE_BATCH, seeds=3)
    shares = []
    for engine in (pick_engine(trials[0]), ReluEngine()):
        state = engine.allocate(trials)
        for _ in range(5):
            before, state = state, engine.step(state)
        shares.append(training_times.learned_share(before, state))
    assert shares[0] == pytest.approx(shares[1], abs=1 / 64)
    assert 0 < shares[0] <= 1


def test_needed_arithmetic_is_counted_by_hand():
    # 8 rows, 3 bits and a bias, 5 neurons: 8 * 4 * 5 products and as many sums to look;
    # the gradient of 4 * 5 weights from 2 of the rows, a product and a sum each.
    (trial,) = trials_of({"n": 7, "k": 2, "width": 5, "train_size": 8}, seeds=1)
    assert training_times.needed_flops(trial.point, 0.25) == 2 * 8 * 8 * 5 + 2 * 2 * 8 * 5


def test_the_floor_tries_both_products_layouts_and_all_sizes():
    (trial,) = trials_of(seeds=1)
    candidates = stopwatch.floor(trial.point, "cpu")
    assert set(candidates) == {
        *(f"bmm of {T} [{layout}]" for T in (1, 4, 16, 64) for layout in ("p n", "n p")),
        *(f"mm [{layout}]" for layout in ("p n", "n p")),
    }
    B, n, p = 32, 21, 24
    for name, products in candidates.items():
        forward, backward = (products.product(*pair).shape[-2:] for pair in products.operands)
        assert forward == (B, p), name
        assert backward == ((p, n) if "[p n]" in name else (n, p)), name


def test_networks_are_trained_to_their_own_ends_and_no_further():
    trials = trials_of(seeds=3)
    engine = pick_engine(trials[0])
    seen = []
    done = training_times.train(engine, trials, [2, 5, 3], lambda s: seen.append(len(s.trials)))
    assert seen == [3, 3, 2, 1, 1]
    assert done.state.trials == (trials[1],)
    alone = engine.allocate([trials[1]])
    for _ in range(5):
        alone = engine.step(alone)
    assert engine.dump(alone)["incoming"].tobytes() == engine.dump(done.state)["incoming"].tobytes()


def test_growth_uses_the_packs_that_the_program_makes():
    shape = SHAPES["B"]
    states = turns.packs_at_start(engine_on("cpu"), shape, 70)
    made = group(turns.trials_of(shape, 70))
    assert [len(s.trials) for s in states] == [len(pack.trials) for pack in made]
    assert len({trial.seed for state in states for trial in state.trials}) == 70


def test_the_command_prints_a_table_or_json(run_main, monkeypatch, report):
    def measure(engine, shapes, repeats, note):
        assert (engine.device, list(shapes), repeats) == ("cpu", ["C", "A"], 7)
        note("shape C")
        return report

    monkeypatch.setattr(benchmark, "bench", measure)
    typed = ("bench", "--shapes", "CA", "--repeats", "7")
    code, out, err = run_main(cli.main, *typed)
    assert (code, err) == (0, "measuring shape C\n")
    assert out.decode().splitlines() == report.lines()
    assert json.loads(run_main(cli.main, *typed, "--json")[1]) == report.to_json()


def test_a_window_opens_with_the_first_epoch_and_closes_with_the_last(tmp_path):
    from study.bench.whole_study import _window

    for name, done in (("one", 100.0), ("two", 130.0), ("three", 160.0)):
        (tmp_path / f"{name}.json").touch()
        os.utime(tmp_path / f"{name}.json", (done, done))
    spent = [("one", 10.0), ("one", 5.0), ("two", 50.0), ("three", 20.0)]
    rows = [{"pack_id": pack_id, "wall_seconds": seconds} for pack_id, seconds in spent]
    assert _window(tmp_path, rows) == 160.0 - 80.0


@pytest.mark.slow
def test_a_whole_study_is_measured_beside_ordinary_tune_trials():
    from study.bench.whole_study import bench_study, study_verdicts

    verdicts = study_verdicts(bench_study(lambda _: None, trials=64, ordinary=4))
    assert [verdict.bar.name for verdict in verdicts] == ["engine_share", "ordinary_tune"]
    assert all(verdict.measured > 0 for verdict in verdicts)


BAD = [
    (["--shapes", "AX"], 2, "Use one of A, B, C."),
    (["--shapes", ""], 2, "Use one of A, B, C."),
    (["--repeats", "4"], 2, "greater than or equal to 5"),
    (["--device", "gpu"], 2, "Did you mean 'cpu'?"),
]


@pytest.mark.parametrize(("typed", "code", "message"), BAD, ids=str)
def test_bad_input_is_one_line(run_main, typed, code, message):
    got, out, err = run_main(cli.main, "bench", *typed)
    assert (got, out) == (code, b"")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(run_main):
    code, out, err = run_main(cli.main, "bench", "--device", "cuda")
    assert (code, out) == (1, b"")
    assert err == "error: --device cuda: torch finds no CUDA here. Use --device cpu.\n"
    with pytest.raises(StudyError):
        engine_on("cuda")
