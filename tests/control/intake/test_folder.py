"""What an import may read of this host: what it was pointed at, and nothing beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from setpoint.control.intake import folder
from setpoint.control.intake.folder import FolderShelf, documents
from setpoint.errors import InputError, NotFoundError


@pytest.fixture
def place(tmp_path):
    inside = tmp_path / "etc"
    (inside / "conf.d").mkdir(parents=True)
    (inside / "conf.d" / "b.conf").write_text("b\r\n")
    (inside / "conf.d" / "a.conf").write_text("a")
    (inside / "main.conf").write_text("main")
    (tmp_path / "secret.conf").write_text("secret")
    return inside


@pytest.fixture
def shelf(place):
    return FolderShelf(place, set())


def found(*paths, taken=None):
    return list(documents(map(str, paths), taken if taken is not None else set()))


@pytest.mark.parametrize("path", ["main.conf", "conf.d/a.conf", "conf.d/../main.conf", "./main.conf"])
def test_a_file_below_the_folder_is_read(shelf, path):
    assert shelf.read(path) in {"main", "a"}


def test_lines_of_an_included_file_end_alike(shelf):
    assert shelf.read("conf.d/b.conf") == "b\n"


@pytest.mark.parametrize(
    "path", ["../secret.conf", "conf.d/../../secret.conf", "", "..", "/etc/passwd", "a\0b", "conf.d", "gone"]
)
def test_what_is_not_a_file_below_the_folder_is_not_read(shelf, path):
    assert shelf.read(path) is None


def test_an_absolute_path_is_not_read_even_where_it_lies_in_the_folder(place, shelf):
    assert shelf.read(str(place / "main.conf")) is None
    assert shelf.names(str(place / "conf.d")) is None


def test_a_link_that_leads_out_is_not_followed(place, shelf):
    (place / "out.conf").symlink_to(place.parent / "secret.conf")
    (place / "up").symlink_to(place.parent)
    assert shelf.read("out.conf") is None
    assert shelf.read("up/secret.conf") is None
    assert shelf.names("up") is None


def test_a_link_within_the_folder_is_followed(place, shelf):
    (place / "alias.conf").symlink_to(place / "main.conf")
    assert shelf.read("alias.conf") == "main"


def test_links_in_a_circle_are_no_file(place, shelf):
    (place / "x").symlink_to(place / "y")
    (place / "y").symlink_to(place / "x")
    assert shelf.read("x") is None
    assert found(place / "conf.d", place)


def test_the_folder_itself_may_be_reached_through_a_link(place, tmp_path):
    (tmp_path / "link").symlink_to(place)
    assert FolderShelf(tmp_path / "link", set()).read("main.conf") == "main"


@pytest.mark.parametrize("path", ["conf.d", "conf.d/", "./conf.d"])
def test_names_of_a_folder_come_in_order(shelf, path):
    assert shelf.names(path) == ("a.conf", "b.conf")


@pytest.mark.parametrize("path", ["..", "gone", "main.conf", "/etc"])
def test_a_folder_elsewhere_has_no_names(shelf, path):
    assert shelf.names(path) is None


def test_names_are_ordered_as_bytes(place, shelf):
    for name in ("Z", "é", "a", "10", "9"):
        (place / "conf.d" / name).write_text("")
    assert shelf.names("conf.d") == ("10", "9", "Z", "a", "a.conf", "b.conf", "é")


def test_a_file_that_is_too_large_is_not_read(place, shelf, monkeypatch):
    monkeypatch.setattr(folder, "LARGEST_BYTES", 3)
    assert shelf.read("main.conf") is None
    assert shelf.read("conf.d/a.conf") == "a"
    with pytest.raises(InputError, match="larger than"):
        found(place / "main.conf")


def test_what_is_no_ordinary_file_is_not_waited_for(place, shelf):
    os.mkfifo(place / "pipe")
    assert shelf.read("pipe") is None
    assert [document.path for document in found(place)][-1].endswith("b.conf")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        found(place / "pipe")


def test_a_file_that_cannot_be_read_is_named(place, shelf, monkeypatch):
    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    assert shelf.read("main.conf") is None
    with pytest.raises(InputError, match=r"main\.conf: it cannot be read: Permission denied"):
        found(place / "main.conf")


def test_a_path_that_is_not_there_is_told_before_anything_is_opened(place):
    taken = set()
    with pytest.raises(NotFoundError, match="no such file"):
        found(place / "main.conf", place / "gone", taken=taken)
    assert not taken


def test_main_files_come_before_others_and_folders_before_their_folders(place):
    for name in ("my.cnf", "postgresql.conf", "a.txt"):
        (place / name).write_text("")
    names = [document.path.removeprefix(f"{place}/") for document in found(place)]
    assert names == ["postgresql.conf", "my.cnf", "a.txt", "main.conf", "conf.d/a.conf", "conf.d/b.conf"]


def test_each_file_comes_once_however_often_it_is_named(place):
    (place / "alias.conf").symlink_to(place / "main.conf")
    paths = [place / "main.conf", place, place / "conf.d" / ".." / "main.conf", place / "alias.conf"]
    names = [document.path.rpartition("/")[2] for document in found(*paths)]
    assert sorted(names) == ["a.conf", "b.conf", "main.conf"]


def test_what_was_included_meanwhile_does_not_come_again(place):
    taken = set()
    seen = []
    for document in documents([str(place)], taken):
        seen.append(document.path.rpartition("/")[2])
        document.shelf.read("conf.d/a.conf")
    assert seen == ["main.conf", "b.conf"]
