"""What the machine is asked for: late imports, imports by path, files, the cache."""

import gzip
import inspect
import sys

import numpy as np
import pytest

from selfsup.errors import MissingError, OptionError, RunError
from selfsup.lazy import Late, pandas, pyarrow
from selfsup.system import cache, files, imports


def test_a_late_package_has_its_attributes_and_submodules():
    assert pyarrow.compute.add is sys.modules["pyarrow.compute"].add
    assert pandas.api.types.infer_dtype([1]) == "integer"
    late = Late("xml")
    assert late.etree is sys.modules["xml.etree"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = late.nothing


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingError, match=r"the package datasets: pip install (-e )?'.*\[hub\]'"):
        _ = Late("datasets", "hub").Dataset
    with pytest.raises(ImportError, match="pip install 'no_such_package'"):
        _ = Late("no_such_package").x


@pytest.mark.parametrize("relative", [False, True])
def test_a_file_is_one_module_that_inspect_finds(tmp_path, monkeypatch, relative):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("class Mine:\n    '''My own.'''\n")
    found = imports.find("mine.py:Mine" if relative else f"{tmp_path}/mine.py:Mine", "method")
    assert found is imports.find(f"{tmp_path}/mine.py:Mine", "method")
    assert found.__module__ in sys.modules
    assert "My own" in inspect.getsource(found)
    assert imports.find("collections:OrderedDict", "method") is __import__("collections").OrderedDict


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("mine.py:Mnie", "mine.py has no such method: unknown name 'Mnie'; did you mean 'Mine'"),
        ("broken.py:Mine", "cannot import the method 'broken.py:Mine': ZeroDivisionError: division by zero"),
        ("none.py:Mine", "there is no file .*none.py"),
        ("no_such_module:Mine", "No module named 'no_such_module'"),
        ("mine.py:", "named by module:Name or FILE.py:Name"),
        ("mine", "named by module:Name or FILE.py:Name"),
    ],
)
def test_paths_that_do_not_import(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    (tmp_path / "broken.py").write_text("class Mine: pass\n1 / 0\n")
    for _ in range(2):  # a module that failed is not kept
        with pytest.raises(OptionError, match=message):
            imports.find(path, "method")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt.gz"
    files.write_blocks(path, [b"one, ", memoryview(b"two")])
    assert gzip.decompress(path.read_bytes()) == b"one, two"
    files.write_bytes(path, b"plain")
    assert path.read_bytes() == b"plain"

    def blocks():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_blocks(path, blocks())
    assert [one.name for one in path.parent.iterdir()] == ["a.txt.gz"]
    assert path.read_bytes() == b"plain"
    with pytest.raises(RunError, match="cannot write .*; choose another place"):
        files.write_bytes(path / "below", b"")
    with pytest.raises(RunError, match="exists; choose another place, or set option 'overwrite'"):
        files.check_free(path, overwrite=False)
    with pytest.raises(RunError, match="is a folder"):
        files.check_free(path.parent, overwrite=True)
    files.check_free(path, overwrite=True)


def test_what_may_have_been_meant(tmp_path):
    (tmp_path / "flowers").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert f"did you mean '{tmp_path / 'flowers'}'? Otherwise give a file" in files.missing(
        tmp_path / "flwers" / "x", "a file"
    )
    assert "did you mean 'digits'" in files.missing(tmp_path / "digts", "a file", ["digits"])
    assert "which leads nowhere" in files.missing(tmp_path / "link", "a file")
    assert files.missing(tmp_path / "zzz", "a file").endswith("zzz'; give a file")


def test_an_entry_of_the_cache_is_whole_or_made_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))

    def make(array, about):
        if array.sum() != about["sum"]:
            raise ValueError("its sum has changed")
        return array

    assert cache.read("a", "numbers", make) is None
    cache.write("a", "numbers", {"sum": 3}, np.arange(3))
    assert cache.read("a", "numbers", make).tolist() == [0, 1, 2]
    cache.write("a", "numbers", {"sum": 4}, np.arange(3), there=True)
    assert cache.read("a", "numbers", make) is None
    assert "the numbers in" in caplog.text
    assert "its sum has changed" in caplog.text
    cache.write("a", "numbers", {"sum": 3}, np.arange(3))
    about = cache.place("a").with_suffix(".json")
    for file, old, new in ((cache.place("a"), b"\x02", b"\x03"), (about, b'"sum": 3', b'"sum": 2')):
        before = file.read_bytes()
        file.write_bytes(before.replace(old, new))
        caplog.clear()
        assert cache.read("a", "numbers", make) is None
        assert "it has changed since it was written" in caplog.text
        file.write_bytes(before)
    assert cache.read("a", "numbers", make).tolist() == [0, 1, 2]
    monkeypatch.setenv("SELFSUP_CACHE", str(cache.place("a")))
    cache.write("b", "numbers", {}, np.arange(3))
    assert "cannot keep the numbers" in caplog.text
