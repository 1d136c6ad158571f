"""Files of other makers become traces with the values that stand in them; damaged ones are refused, never believed."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.app.import_traces import About, import_traces, read_files
from controller.cli.entry import invoke
from controller.rig.source import Refused
from controller.shots.imports.formats import READERS, channel_names, read_traces
from controller.shots.imports.isf import read_isf
from controller.shots.imports.trace import BadFile
from controller.shots.reader import read_record

ISF = (  # Tektronix FAQ 53511, with four samples
    b':WFMPRE:BYT_NR 2;BIT_NR 16;ENCDG BIN;BN_FMT RI;BYT_OR MSB;NR_PT 4;WFID "Ch1, DC coupling; 2.0E0 V/div";PT_FMT Y;'
    b'XINCR 1.0E-8;PT_OFF 2;XZERO 3.5E-4;XUNIT "s";YMULT 3.125E-4;YZERO 0.5E0;YOFF 100.0E0;YUNIT "V";:CURVE #18'
    b"\x00\x64\xff\xff\x80\x00\x7f\xff"
)


def trc(word: bool = True, high_first: bool = False, lead: bytes = b"#9000000354") -> bytes:
    """A .trc file typed from template LECROY_2_3: four samples, gain 0.5 V, offset 0.25 V, 2 ns from -4 ns."""
    order = ">" if high_first else "<"
    samples = struct.pack(f"{order}4{'h' if word else 'b'}", 1, -1, 100, -100)
    head = bytearray(346)
    head[0:8], head[16:26], head[76:84] = b"WAVEDESC", b"LECROY_2_3", b"LECROYWR"
    for at, code, value in (
        (32, "H", int(word)), (34, "H", int(not high_first)), (36, "i", 346), (60, "i", len(samples)),
        (116, "i", 4), (144, "i", 1), (156, "f", 0.5), (160, "f", 0.25), (176, "f", 2e-9), (180, "d", -4e-9),
        (344, "H", 2),
    ):  # fmt: skip
        struct.pack_into(order + code, head, at, value)
    head[196:197] = b"V"
    return lead + bytes(head) + samples


def test_isf_has_the_values_of_its_preamble() -> None:
    (trace,) = read_traces(ISF, "tek.isf")
    np.testing.assert_allclose(
        trace.values(), [0.5, (-101) * 3.125e-4 + 0.5, -32868 * 3.125e-4 + 0.5, 32667 * 3.125e-4 + 0.5]
    )
    np.testing.assert_allclose(trace.times(), 3.5e-4 + (np.arange(4) - 2) * 1e-8)
    assert (trace.name, trace.unit, trace.raw.dtype) == ("Ch1", "V", np.int16)


def test_isf_in_short_forms_and_least_significant_byte_first() -> None:
    short = (
        ISF.replace(b"BYT_NR", b"BYT_N").replace(b"NR_PT", b"NR_P").replace(b"XINCR", b"XIN").replace(b"MSB", b"LSB")
    )
    short = short.replace(b":WFMPRE:", b":WFMOUTPRE:").replace(b"YMULT", b"YMU").replace(b":CURVE", b":CURV")
    (trace,) = read_isf(short, "x")
    assert trace.raw.tolist() == [0x6400, -1, 0x80, -129]


@pytest.mark.parametrize("lead", [b"", b"#9000000354"])
@pytest.mark.parametrize("high_first", [False, True])
@pytest.mark.parametrize("word", [False, True])
def test_trc_has_the_values_of_its_descriptor(word: bool, high_first: bool, lead: bytes) -> None:
    (trace,) = read_traces(trc(word, high_first, lead), "C3--Trace--00000.trc")
    np.testing.assert_allclose(trace.values(), [0.25, -0.75, 49.75, -50.25])
    np.testing.assert_allclose(trace.times(), [-4e-9, -2e-9, 0.0, 2e-9], atol=1e-15)
    assert (trace.name, trace.unit, trace.notes["instrument"]) == ("C3", "V", "LECROYWR")


@pytest.mark.parametrize(
    ("text", "names", "units", "last"),
    [
        ("t_s,value_A\n0,1.5\n1e-3,-2.5\n", ["x"], ["A"], [-2.5]),
        ("# shot 7\n# scale\nt_s,value_kA\n0,1\n1,2\n", ["x"], ["kA"], [2.0]),
        (
            "t (s),raw (counts),Current (A)\n0,1,0.5\n1,2,1.5\n",
            ["raw", "Current"],
            ["counts", "A"],
            [2.0, 1.5],
        ),
        ("Model,MSO54\nLabel,CH1\nTIME,CH1,CH2\n-1e-6,0.1,0.2\n0,0.3,0.4\n", ["CH1", "CH2"], ["1", "1"], [0.3, 0.4]),
        ("Zeit;Spannung [V]\n0,0;1,25\n0,5;2,5\n", ["Spannung"], ["V"], [2.5]),
        ("0\t1\n1\t2\n", ["x"], ["1"], [2.0]),
    ],
)
def test_csv_as_programs_write_it(text: str, names: list[str], units: list[str], last: list[float]) -> None:
    traces = read_traces(text.encode(), "x.csv")
    assert [trace.name for trace in traces] == names and [trace.unit for trace in traces] == units
    assert [trace.values()[-1] for trace in traces] == pytest.approx(last, rel=1e-8)


def test_tdms_by_waveform_properties_and_by_a_time_channel(tmp_path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    path = tmp_path / "log.tdms"
    wave = np.array([1.0, -2.0, 3.5])
    fast_ones = {"wf_increment": 1e-6, "wf_start_offset": -1e-6, "unit_string": "A"}
    bank = np.array([10, 20, 30], dtype=np.int32)
    with nptdms.TdmsWriter(str(path)) as writer:
        writer.write_segment([
            nptdms.ChannelObject("fast", "I", wave, properties=fast_ones),
            nptdms.ChannelObject("slow", "Time", np.array([0.0, 0.5, 1.0])),
            nptdms.ChannelObject("slow", "bank", bank, properties={"unit_string": "V"}),
        ])  # fmt: skip
    fast, slow = read_traces(path.read_bytes(), "log.tdms")
    np.testing.assert_allclose(fast.values(), wave, rtol=1e-8)
    np.testing.assert_allclose(fast.times(), [-1e-6, 0.0, 1e-6], atol=1e-15)
    np.testing.assert_allclose(slow.values(), [10, 20, 30], rtol=1e-8)
    assert (fast.name, fast.unit, slow.name, slow.x_increment_s) == ("fast/I", "A", "slow/bank", 0.5)


def test_tdms_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nptdms", None)
    with pytest.raises(BadFile, match="npTDMS") as caught:
        read_traces(b"TDSm", "log.tdms")
    assert caught.value.remedy == "install the extra: pip install 'sparkgap[tdms]'"


@pytest.mark.parametrize(
    ("data", "name", "problem"),
    [
        (ISF[:-1], "a.isf", "7 bytes of samples where 4 points"),
        (ISF.replace(b"NR_PT 4", b"NR_PT 9"), "a.isf", "9 points of 2 bytes are promised"),
        (ISF.replace(b"XINCR 1.0E-8", b"XINCR nan"), "a.isf", "XINCR is nan"),
        (ISF.replace(b"YMULT", b"YMALT"), "a.isf", "has no YMULT"),
        (ISF.replace(b"PT_FMT Y", b"PT_FMT ENV"), "a.isf", "an envelope"),
        (b"nothing", "a.isf", "no `:CURVE #`"),
        (trc()[:-1], "a.trc", "7 bytes of samples where 8 are promised"),
        (trc()[:200], "a.trc", "does not begin a waveform descriptor"),
        (trc()[: 11 + 60] + struct.pack("<i", -8) + trc()[11 + 64 :], "a.trc", "impossible lengths"),
        (trc()[: 11 + 144] + struct.pack("<i", 5) + trc()[11 + 148 :], "a.trc", "a sequence"),
        (b"0,1\n1,2\n5,3\n", "a.csv", "do not rise in even steps"),
        (b"0,1\n1,nan\n", "a.csv", "not finite"),
        (b"0,1\n", "a.csv", "are no trace"),
        (b"a,b\nc,d\n", "a.csv", "no row of numbers"),
        (b"0,1\n1,2\nx,3\n", "a.csv", "row of numbers expected"),
        (b"", "a.wfm", "are not read"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, name: str, problem: str) -> None:
    with pytest.raises(BadFile, match=problem) as caught:
        read_traces(data, name)
    assert caught.value.remedy


SEEDS = [ISF, trc(), trc(False), b"t,v\n0,1\n1,2\n"]


@given(st.sampled_from(sorted(set(READERS) - {".tdms"})), st.sampled_from(SEEDS), st.data())
def test_any_damage_is_read_or_refused(suffix: str, seed: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(seed)))
    junk = data.draw(st.binary(max_size=8))
    hurt = seed[:cut] + junk + seed[data.draw(st.integers(cut, len(seed))) :]
    try:
        traces = read_traces(hurt, f"x{suffix}")
    except BadFile:
        return
    assert all(trace.raw.size <= len(hurt) for trace in traces), "never more samples than bytes"


def test_names_are_legal_and_distinct() -> None:
    titles = ["Ch1", "ch1", "9 V", "", "Total current (A)"]
    assert list(channel_names(titles)) == ["ch1", "ch1_2", "c_9_v", "trace", "total_current_a"]


def test_files_become_a_shot_that_reads_back_with_the_same_values(tmp_path: Path) -> None:
    (tmp_path / "tek.isf").write_bytes(ISF)
    (tmp_path / "lc.trc").write_bytes(trc())
    (tmp_path / "log.csv").write_bytes(b"t_s,value_A\n0,1.5\n1e-3,-2.5\n")
    files = [tmp_path / name for name in ("tek.isf", "lc.trc", "log.csv")]
    found = import_traces(files, tmp_path / "shots", "", About("three", "me", ("old",)), "2026-11-21T17:00:00Z")
    record = read_record(found.path)
    assert [item.channel for item in record.captures] == ["ch1", "c3", "log"]
    for capture, expected in zip(record.captures, read_files(files), strict=True):
        np.testing.assert_array_equal(capture.raw, expected.raw)
        assert (capture.y_increment_v, capture.x_origin_s) == (expected.y_increment_v, expected.x_origin_s)
    assert (record.verdict, record.kind, record.simulated) == ("inconclusive", "import", False)
    assert record.captures[1].settings["file"] == "lc.trc"


def test_one_bad_file_stores_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"0,1\n1,2\n")
    (tmp_path / "b.trc").write_bytes(b"nothing")
    files = [tmp_path / "a.csv", tmp_path / "b.trc", tmp_path / "missing.isf"]
    with pytest.raises(Refused) as caught:
        import_traces(files, tmp_path / "shots", "", About(), "")
    assert [problem.file for problem in caught.value.problems] == [str(files[1]), str(files[2])]
    assert not (tmp_path / "shots").exists()


@pytest.mark.parametrize("form", ["csv", "mat", "tdms", "parquet"])
def test_import_and_export_by_command_keep_the_values(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tek.isf").write_bytes(ISF)
    out = ["--out", str(tmp_path / "shots")]
    assert invoke(["shots", "import", str(tmp_path / "tek.isf"), *out]) == 0, capsys.readouterr().err
    assert "ch1" in capsys.readouterr().out
    folder = tmp_path / "exported"
    assert invoke(["shots", "export", "1", str(folder), "--format", form, *out]) == 0, capsys.readouterr().err
    (written,) = folder.iterdir()
    assert capsys.readouterr().out == f"{written}\n"
    (original,) = read_traces(ISF, "tek.isf")
    times, values = READ_BACK[form](written)
    np.testing.assert_allclose(values, original.values(), rtol=1e-8)
    np.testing.assert_allclose(times, original.times(), rtol=1e-9, atol=1e-18)


def _by_reader(path: Path) -> tuple[np.ndarray, np.ndarray]:
    (trace,) = read_traces(path.read_bytes(), path.name)
    assert trace.unit == "V"
    return trace.times(), trace.values()


def _mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    found = loadmat(path, simplify_cells=True)["ch1"]
    assert (found["unit"], found["title"]) == ("V", "Ch1")
    return found["t_s"], found["value"]


def _parquet(path: Path) -> tuple[np.ndarray, np.ndarray]:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    assert table.schema.metadata[b"unit"] == b"V"
    return table["t_s"].to_numpy(), table["value"].to_numpy()


READ_BACK = {"csv": _by_reader, "tdms": _by_reader, "mat": _mat, "parquet": _parquet}


@pytest.mark.parametrize(("form", "library"), [("tdms", "nptdms"), ("parquet", "pyarrow")])
def test_a_missing_library_is_a_refusal(
    form: str, library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tek.isf").write_bytes(ISF)
    out = ["--out", str(tmp_path / "shots")]
    assert invoke(["shots", "import", str(tmp_path / "tek.isf"), *out]) == 0
    monkeypatch.setitem(sys.modules, library, None)
    assert invoke(["shots", "export", "1", str(tmp_path / "x"), "--format", form, *out]) == 2
    assert f"pip install 'sparkgap[{form}]'" in capsys.readouterr().err
