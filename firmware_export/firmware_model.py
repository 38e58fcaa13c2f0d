"""A model as a part of the reference firmware, and as what goes into a slot of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.anomaly_figures import figures as anomaly_figures
from firmware_export.architecture import architecture
from firmware_export.blob import Blob
from firmware_export.cprint import braced
from firmware_export.emit_header import header as anomaly_header
from firmware_export.emit_source import source as anomaly_source
from firmware_export.figures import Figures
from firmware_export.ir import AnomalyIr, TestVectors
from firmware_export.layout import parameter_bytes
from firmware_export.networks.emit_header import header as network_header
from firmware_export.networks.emit_source import source as network_source
from firmware_export.networks.exporting import sample_inputs
from firmware_export.networks.figures import figures as network_figures
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run

KEY_SIZE = 32

#: Files of the firmware, whose names and symbols a model must leave alone.
_TAKEN = {"glue", *(path.stem for path in (Path(__file__).parent / "firmware").glob("*/*.[ch]"))}
_MOST_VECTORS = 8
_LEAST_VECTORS = 2
#: Test vectors may take as many bytes as a sixteenth of the parameters: they travel with each of them.
_SHARE_OF_VECTORS = 16
#: What stands around rows in a packet of the firmware.
_AROUND_ROWS = 48
_LEAST_BUFFER = 512


@dataclass(frozen=True)
class FirmwareModel:
    """A model's texts, and its numbers as they lie in memory.

    Attributes
    ----------
    name : str
        The model's identifier; with an ``_`` behind where the firmware has a file of that name.
    header, source : str
        Texts of ``<name>.h`` and ``<name>.c``; the source is to be compiled with ``-D<NAME>_UPDATABLE``.
    is_network : bool
        Whether it gives int8 outputs; else an int32 score.
    row : int
        Inputs of a row.
    inputs, outputs : tuple of bytes
        Test vectors: rows of quantised inputs, and what the model makes of them.
    params : bytes
        The parameters.
    figures : Figures
        What it costs.
    """

    name: str
    header: str
    source: str
    is_network: bool
    row: int
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    params: bytes
    figures: Figures

    def blob(self, project: int, learn: int, version: int) -> Blob:
        """The model as it goes into a slot.

        Parameters
        ----------
        project, learn, version : int
            Which one it is.
        """
        return Blob(
            architecture(self.source, self.name),
            project,
            learn,
            version,
            self.params,
            self.inputs,
            self.outputs,
        )

    @property
    def packet(self) -> int:
        """Bytes of a packet that a row goes in and comes out with, a multiple of 4: the least buffer."""
        row = len(self.inputs[0]) + len(self.outputs[0]) + _AROUND_ROWS
        return (row + 3) // 4 * 4

    @property
    def flags(self) -> tuple[str, ...]:
        """What a compiler is told beside, where the board does not ask for a smaller buffer."""
        return f"-D{self.name.upper()}_UPDATABLE", f"-DFW_BUFFER={max(_LEAST_BUFFER, self.packet)}"

    def glue(self, project: int, learn: int, version: int, public_key: bytes) -> str:
        """The C file that makes the model a part of the firmware.

        Parameters
        ----------
        project, learn, version : int
            Which one it is.
        public_key : bytes
            Whose signatures the firmware trusts, 32 bytes of Ed25519; zeros for none at all.
        """
        name, blob = self.name, self.blob(project, learn, version)
        rows = b"".join(part for pair in zip(self.inputs, self.outputs, strict=True) for part in pair)
        return f"""/* {name} as a part of the firmware. */
#include "model.h"

#include <string.h>

#include "{name}.h"

struct {name}_params;
extern const struct {name}_params {name}_params;
extern const struct {name}_params *{name}_params_in_use;

static const uint8_t vectors[] = {_bytes(rows)};

{_RUN_NETWORK.format(name=name, upper=name.upper()) if self.is_network else _RUN_ANOMALY.format(name=name)}
static int score(const void *params, const float *features, void *input, void *output) {{
  {name}_params_in_use = params;
  {name}_quantize(features, input);
  return run(params, input, output);
}}

const struct fw_model fw_model = {{
    .name = "{name}",
    .rows = {self.row},
    .factory = {{.magic = {{'T', 'R', 'D', 'M'}},
                .format = BLOB_FORMAT,
                .architecture = {_bytes(blob.architecture)},
                .project = {project},
                .learn = {learn},
                .version = {version},
                .params_size = {len(self.params)},
                .vector_count = {len(self.inputs)},
                .input_bytes = {len(self.inputs[0])},
                .output_bytes = {len(self.outputs[0])}}},
    .params = &{name}_params,
    .vectors = vectors,
    .run = run,
    .score = score,
    .public_key = {_bytes(public_key)},
    .output_width = {1 if self.is_network else 4},
}};
"""


_RUN_ANOMALY = """static int run(const void *params, const void *input, void *output) {{
  int32_t score_q;
  {name}_params_in_use = params;
  score_q = {name}_score_q(input);
  memcpy(output, &score_q, sizeof score_q);
  return 0;
}}
"""
_RUN_NETWORK = """static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];

static int run(const void *params, const void *input, void *output) {{
  {name}_params_in_use = params;
  return {name}_invoke(input, output, scratch);
}}
"""


def anomaly_model(ir: AnomalyIr, name: str, vectors: TestVectors) -> FirmwareModel:
    """An anomaly model.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    vectors : TestVectors
        Rows with their scores; as many of them as have room are taken.
    """
    name = _untaken(name)
    header, source = anomaly_header(ir, name), anomaly_source(ir, name)
    params = parameter_bytes(source, header, name)
    wide = np.dtype(f"<i{ir.inputs.bits // 8}")
    row = ir.inputs.length * wide.itemsize + 4
    chosen = np.linspace(0, len(vectors.score_q) - 1, _count(len(vectors.score_q), row, params)).astype(int)
    return FirmwareModel(
        name=name,
        header=header,
        source=source,
        is_network=False,
        row=ir.inputs.length,
        inputs=tuple(vectors.inputs[i].astype(wide).tobytes() for i in chosen),
        outputs=tuple(vectors.score_q[i].astype("<i4").tobytes() for i in chosen),
        params=params,
        figures=anomaly_figures(ir),
    )


def network_model(data: bytes, name: str, labels: tuple[str, ...] = ()) -> FirmwareModel:
    """A network.

    Parameters
    ----------
    data : bytes
        The int8 .tflite file.
    name : str
        The model's identifier.
    labels : tuple of str
        Names of the outputs, for classifiers.

    Raises
    ------
    FirmwareExportError
        It cannot be read, or is of operators that have no C.
    """
    name = _untaken(name)
    network = read(data)
    made = network_source(network, name, labels, updatable=True)
    header = network_header(network, name, made.plan.size)
    params = parameter_bytes(made.text, header, name)
    inputs = sample_inputs(network)
    size = network.values[network.input].size
    inputs = inputs[: _count(len(inputs), size + network.values[network.output].size, params)]
    return FirmwareModel(
        name=name,
        header=header,
        source=made.text,
        is_network=True,
        row=size,
        inputs=tuple(row.tobytes() for row in inputs),
        outputs=tuple(row.tobytes() for row in run(network, inputs)),
        params=params,
        figures=network_figures(network, made),
    )


def _untaken(name: str) -> str:
    """An identifier that the firmware has not; as one of C's own keywords, it gets an ``_``."""
    return f"{name}_" if name in _TAKEN else name


def _count(there: int, row: int, params: bytes) -> int:
    """How many test vectors of so many bytes are taken."""
    room = len(params) // _SHARE_OF_VECTORS // row
    return min(there, max(_LEAST_VECTORS, min(_MOST_VECTORS, room)))


def _bytes(values: bytes) -> str:
    return braced(map(str, values))
