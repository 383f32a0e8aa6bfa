"""Addresses of stores: what a user types for --out, and buckets that a query says how to reach."""

import os
import shlex
import time

import pytest
from object_store import ObjectStore
from small import spec_of
from trained import fill, table

from analysis.tables.frames import load_readings
from study import cli
from study.errors import StoreError, UsageError
from study.plan.plan import make_plan
from study.store.address import Address, inside
from study.store.files import S3_ATTEMPTS
from study.store.store import Store


@pytest.mark.parametrize(
    ("out", "url"),
    [
        ("runs", "runs/s"),
        ("runs/", "runs/s"),
        ("./a b", "./a b/s"),
        ("/", "/s"),
        ("~/x", "HOME/x/s"),
        ("file:///tmp/x", "file:///tmp/x/s"),
        ("s3://bucket/", "s3://bucket/s"),
        ("s3://bucket", "s3://bucket/s"),
        ("s3://bucket/my runs/", "s3://bucket/my runs/s"),
        ("s3://bucket/runs?scheme=http", "s3://bucket/runs/s?scheme=http"),
        ("s3://bucket/runs/?endpoint_override=h:9&scheme=http",
         "s3://bucket/runs/s?endpoint_override=h:9&scheme=http"),
        ("/odd?name", "/odd?name/s"),
    ],
)  # fmt: skip
def test_a_store_lies_inside_what_was_typed(out, url, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert inside(out, "s") == url.replace("HOME", "/home/me")


@pytest.mark.parametrize("out", ["", "  ", "s3://", "s3:///"])
def test_no_place_is_no_store(out):
    with pytest.raises(UsageError, match=r"no folder and no bucket.*Use --out runs"):
        inside(out, "s")


def test_a_uri_is_escaped_and_shown_without_its_query():
    address = Address.of("s3://bucket/my runs/#1/s?scheme=http")
    assert address.uri == "s3://bucket/my%20runs/%231/s?scheme=http&allow_delayed_open=true"
    assert address.shown == "s3://bucket/my runs/#1/s"
    assert Address.of("s3://bucket/s").uri == "s3://bucket/s?allow_delayed_open=true"
    assert Address.of("~nobody-at-all/x").url == "~nobody-at-all/x"


def test_home_is_expanded_where_a_store_is_named(tmp_path, monkeypatch, run_main):
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(spec_of(seeds=1), "~/small")
    assert (tmp_path / "small" / "study.json").is_file()
    assert run_main(cli.main, "status", "~/small")[0] == 0


@pytest.mark.parametrize("place", ["my runs", "runs", ""])
def test_an_object_store_is_reached_by_the_query_of_its_address(place, monkeypatch, tmp_path):
    s3 = ObjectStore()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.make_bucket()
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    host = s3.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    out = f"s3://bucket/{place}?endpoint_override={host}&scheme=http"
    url = inside(out, "small")
    store = fill(spec_of(seeds=2), url)
    assert store.url == url
    assert table(Store.open(store.url)) == table(fill(spec_of(seeds=2), tmp_path / "small"))
    assert len(load_readings(url)) > 2
    keys = {path for method, path in s3.requests if method == "PUT"}
    assert all("endpoint_override" not in key and "//" not in key for key in keys)
    assert store.address_of("study.json") == f"s3://bucket/{place}/small/study.json".replace(
        "t//", "t/"
    )
    s3.close()


@pytest.mark.slow
def test_a_request_is_tried_a_few_times_by_the_client_of_s3(monkeypatch):
    s3 = ObjectStore()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.make_bucket()
    store = Store("s3://bucket/runs/small")
    s3.failing_until = time.monotonic() + 1000
    before = len(s3.requests)
    with pytest.raises(StoreError, match="See that it answers") as raised:
        store.write_manifest({})
    assert raised.value.transient, "the outage may pass"
    assert len(s3.requests) - before == S3_ATTEMPTS
    s3.failing_until = time.monotonic() + 0.1
    store.write_manifest({"spec": 1})
    assert store.manifest() == {"spec": 1}, "a short outage is not noticed"
    s3.close()


def test_a_bucket_that_is_not_there_is_said(bucket, run_main, tmp_path):
    assert bucket.startswith("s3://bucket/")
    with pytest.raises(StoreError, match=r"s3://no-such-bucket: no such bucket.*Make the bucket"):
        make_plan(spec_of(), Store("s3://no-such-bucket/runs/small"))
    code, _, err = run_main(cli.main, "plan", "quick", "--out", "s3://no-such-bucket/runs")
    assert (code, err.count("\n")) == (1, 1)
    assert make_plan(spec_of(), Store("s3://bucket/runs/small")).done == 0


def test_a_name_too_long_for_the_disk_has_its_own_remedy(tmp_path):
    with pytest.raises(StoreError, match="Use a shorter name"):
        Store(tmp_path / ("x" * 300)).write_manifest({})


def test_what_is_said_next_can_be_pasted(run_main, tmp_path):
    out = tmp_path / "my runs"
    fill(spec_of(seeds=1), out / "small")
    study = tmp_path / "small.json"
    study.write_text(spec_of(seeds=1).model_dump_json())
    code, said, _ = run_main(cli.main, "run", study, "--out", out)
    assert code == 0
    following = said.decode().split("next:\n")[1].splitlines()
    assert len(following) == 3
    for line in following:
        assert os.fspath(out / "small") in shlex.split(line)


def test_an_empty_out_writes_nothing(run_main):
    code, out, err = run_main(cli.main, "run", "quick", "--out", "")
    assert (code, out) == (2, b"")
    assert "no folder and no bucket" in err
