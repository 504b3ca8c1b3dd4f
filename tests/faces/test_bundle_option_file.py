"""`bundle export --option-file` where there is nothing to rewrite, or it may not be."""

from __future__ import annotations

import pytest

EXPORT = ("bundle", "export", "web")


@pytest.fixture
def file(web, tmp_path):
    web.good("settings", "web", "sort_memory=16MB", "--because", "wanted")
    place = tmp_path / "own.conf"
    place.write_text("a = 1\n", encoding="utf-8")
    return place


def refused(web, *words):
    result = web(*words)
    assert result.exit_code == 2, result.output
    assert web.json("bundle", "list", "web")["bundles"] == []
    return result.output


def test_an_engine_without_option_files_says_so_before_a_bundle_is_issued(web, file, tmp_path):
    told = refused(web, *EXPORT, "-o", str(tmp_path), "--option-file", str(file))
    assert "simulated has no option file" in told
    assert "leave --option-file out" in told


@pytest.mark.parametrize("name", ["none.conf", ".", "\0"])
def test_a_file_that_cannot_be_read_is_named(web, file, tmp_path, name):
    place = str(tmp_path / name)
    assert "cannot be read" in refused(web, *EXPORT, "-o", str(tmp_path), "--option-file", place)


def test_what_is_taken_back_takes_no_option_file(web, file):
    assert "--undo goes with" in refused(web, *EXPORT, "--undo", "--option-file", str(file))
