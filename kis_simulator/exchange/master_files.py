"""The master files of KIS: every listed symbol, as `kospi_code.mst.zip` and `kosdaq_code.mst.zip` list them.

A line: code (9 bytes), ISIN (12), name, then a tail of fixed width (KOSPI 227, KOSDAQ 221), all CP949; the order and
widths of the tail are those of the official samples (open-trading-api, stocks_info). 2,900 made-up symbols, a few of
them real names: shares, preferred ones, REITs, SPACs, ETF, ETN (Q and six digits), beneficiary certificates.
"""

import io
import zipfile
from functools import cache

from kis_simulator.exchange.names import NAMES

PREFIX = "/common/master/"
_COMMON = (9, 5, 5, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 3, 1, 3, 12, 12, 8, 15, 21, 2, 7)
_TAIL = (9, 9, 9, 5, 9, 8, 9, 3, 1, 1, 1)
WIDTHS = {
    "kospi": (2, 1, 4, 4, 4, *(1,) * 26, *_COMMON, *(1,) * 5, *_TAIL),
    "kosdaq": (2, 1, 4, 4, 4, *(1,) * 21, *_COMMON, *(1,) * 4, *_TAIL),
}
_PLACES = {"kospi": {"index": 8, "etp": 12, "spac": 19}, "kosdaq": {"index": 25, "etp": 8, "spac": 14}}
"""Where a field stands among the widths: KOSPI 200 sector or KOSDAQ 150, kind of ETP, SPAC."""


def _line(market: str, code: str, name: str, group: str = "ST", **flags: str) -> bytes:
    values = ["N" if width == 1 else "0" * width for width in WIDTHS[market]]
    values[0] = group
    if market == "kospi":
        values[_PLACES[market]["index"]] = "0"
    for field, value in flags.items():
        values[_PLACES[market][field]] = value
    front = f"{code:<9}KR7{code[-6:]}003".encode()
    return front + name.encode("cp949").ljust(40) + "".join(values).encode() + b"\n"


def _kospi() -> list[bytes]:
    funds = [code for code in NAMES if code == "069500"]
    names = [(code, name) for code, name in NAMES.items() if code not in funds]
    shares = names + [(f"{n:05}0", f"코스피{n}") for n in range(101, 100_000, 101)][: 850 - len(names)]
    return [
        *(_line("kospi", code, name, index="9" if n < 200 else "0") for n, (code, name) in enumerate(shares)),
        *(_line("kospi", f"{n:05}5", f"코스피{n}우") for n in range(101, 3_131, 101)),
        *(_line("kospi", code, NAMES[code], "EF", etp="2") for code in funds),
        *(_line("kospi", f"{n:04}A0", f"KODEX {n}", "EF", etp="2") for n in range(99)),
        *(_line("kospi", f"Q5{n:05}", f"신한 ETN {n}", "EN", etp="3") for n in range(60)),
        *(_line("kospi", f"3{n:05}", f"한국리츠{n}", "RT") for n in range(20)),
        *(_line("kospi", f"F7010{n:04}", f"수익증권{n}", "BC") for n in range(40)),
    ]


def _kosdaq() -> list[bytes]:
    shares = [_line("kosdaq", f"2{n:04}3", f"코스닥{n}", index="Y" if n < 150 else "N") for n in range(1_730)]
    return [*shares, *(_line("kosdaq", f"4{n:04}3", f"한국{n}호스팩", spac="Y") for n in range(70))]


@cache
def master_file(path: str) -> bytes | None:
    """Return the zip at a path, None where KIS has none."""
    lines = {"kospi_code.mst": _kospi, "kosdaq_code.mst": _kosdaq}
    name = path.removeprefix(PREFIX).removesuffix(".zip")
    if name not in lines or path != f"{PREFIX}{name}.zip":
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"".join(lines[name]()))
    return packed.getvalue()
