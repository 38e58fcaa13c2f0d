"""The table of bad requests, each with what it is answered; the tests are in `test_bad_input`."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from tests.scenario import GMM, IMPULSE, KMEANS, TRAIN, acquisition, train_path

DATA = "api/1/training/data"
SETTINGS = f"api/1/training/anomaly/{KMEANS}"
#: A project with an impulse and one row only, and one with an impulse and no row.
POOR, EMPTY = 2, 3
SERIES = 4


class Bad(NamedTuple):
    """One bad request."""

    path: str
    body: Any
    status: int
    code: str
    said: tuple[str, ...]
    method: str = "post"


def bad_train(status: int = 400, *said: str, learn_id: int = KMEANS, **members: Any) -> Bad:
    """A training request with some members changed."""
    return Bad(train_path(learn_id), {**TRAIN, **members}, status, "invalid_member", said)


def bad_payload(said: str, **members: Any) -> Bad:
    """An acquisition object with some members of its payload changed."""
    body = acquisition()
    body["payload"].update(members)
    for name in [name for name, value in members.items() if value is ...]:
        del body["payload"][name]
    return Bad(DATA, body, 400, "invalid_member", (said,))


def bad_impulse(*said: str, **blocks: Any) -> Bad:
    """An impulse with one block changed: ``kind=(number, members)``."""
    body: dict[str, Any] = copy.deepcopy(IMPULSE)
    for kind, change in blocks.items():
        if isinstance(change, tuple):
            body[kind][change[0]].update(change[1])
        else:
            body[kind] = change
    return Bad("api/1/impulse", body, 400, "invalid_member", said)


MALFORMED = {
    "nothing but an opening": b"{",
    "not UTF-8": b'{"axes": "\xff"}',
    "UTF-16": '{"axes": [0]}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an array": b"[]",
    "a number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "single quotes": b"{'axes': [0]}",
    "a trailing comma": b'{"axes": [0],}',
    "a comment": b"{} // nothing",
    "a control character": b'{"a": "\x01"}',
    "half a surrogate pair": b'{"axes": "\\ud800"}',
    "nested arrays": b'{"axes":' + b"[" * 100_000,
    "nested objects": b'{"axes":' * 20_000,
    "closed nesting": b'{"axes":' + b"[" * 17 + b"]" * 17 + b"}",
    "a string without end": b'{"axes":"' + b'\\"' * 100_000,
    "endless digits": b'{"axes":[' + b"9" * 100_000 + b"]}",
    "CBOR cut off": b"\xa1\x64axes",
    "a CBOR map that never ends": b"\xbf\x64axes\x80",
    "a CBOR array longer than the body": b"\xa1\x64axes\x9b" + b"\xff" * 8,
    "CBOR with text behind it": b"\xa1\x64axes\x80{}",
    "a CBOR tag": b"\xa1\x64axes\xc1\x00",
    "CBOR undefined": b"\xa1\x64axes\xf7",
    "a CBOR name that is a number": b"\xa1\x00\x80",
    "nested CBOR": b"\xa1\x64axes" + b"\x81" * 100_000,
}

#: What is said about the body itself names the member or value as well.
NAMED_IN_BODY = {
    "NaN": (b'{"minimumConfidenceRating": NaN, "axes": [0]}', "NaN is not a JSON number"),
    "Infinity": (b'{"minimumConfidenceRating": Infinity, "axes": [0]}', "Infinity is not a JSON number"),
    "-Infinity": (b'{"minimumConfidenceRating": -Infinity, "axes": [0]}', "-Infinity is not a JSON number"),
    "1e400": (b'{"minimumConfidenceRating": 1e400, "axes": [0]}', "1e400 is beyond"),
    "a key twice": (
        b'{"axes": [0], "axes": [1], "minimumConfidenceRating": 1}',
        "axes: the member is given twice",
    ),
    "a nested key twice": (
        b'{"axes": [0], "minimumConfidenceRating": 1, "thresholds": [{"key": "a", "key": "b"}]}',
        "key: the member is given twice",
    ),
    "NaN in CBOR": (b"\xa1\x64axes\xf9\x7e\x00", "nan at byte 6 of the body is not a JSON number"),
    "a CBOR key twice": (b"\xa2\x64axes\x80\x64axes\x80", "axes: the member is given twice"),
}

TABLE = {
    # training requests
    "unknown member": bad_train(400, "clusterCounts: ", "did you mean clusterCount?", clusterCounts=3),
    "wrong case": bad_train(400, "Axes: ", "did you mean axes?", Axes=[0]),
    "no axes": Bad(
        train_path(), {"minimumConfidenceRating": 0}, 400, "invalid_member", ("axes: is required",)
    ),
    "axes null": bad_train(400, "axes: is required", axes=None),
    "axes empty": bad_train(400, "axes: ", axes=[]),
    "axes no list": bad_train(400, "axes: ", axes="0"),
    "axis of text": bad_train(400, "axes[1]: expected `int`, got `str`", axes=[0, "1"]),
    "axis of half": bad_train(400, "axes[0]: expected `int`", axes=[0.5]),
    "axis null": bad_train(400, "axes[0]: expected `int`", axes=[None]),
    "axis negative": bad_train(400, "axes[0]: ", ">= 0", axes=[-1]),
    "axis out of range": bad_train(400, "axes[2]: 3 is out of range", "0 to 2", axes=[0, 1, 3]),
    "axis huge": bad_train(400, "axes[0]: ", axes=[2**70]),
    "axis twice": bad_train(400, "axes[2]: 0 is already named by axes[0]", axes=[0, 1, 0]),
    "too many axes": bad_train(400, "axes: ", axes=list(range(5000))),
    "no rating": Bad(
        train_path(), {"axes": [0]}, 400, "invalid_member", ("minimumConfidenceRating: is required",)
    ),
    "rating of text": bad_train(400, "minimumConfidenceRating: ", minimumConfidenceRating="0.3"),
    "rating off the scale": bad_train(400, "minimumConfidenceRating: ", minimumConfidenceRating=1e9),
    "clusterCount 0": bad_train(400, "clusterCount: ", ">= 1", clusterCount=0),
    "clusterCount negative": bad_train(400, "clusterCount: ", clusterCount=-3),
    "clusterCount of half": bad_train(400, "clusterCount: ", clusterCount=2.5),
    "clusterCount true": bad_train(400, "clusterCount: ", "got `bool`", clusterCount=True),
    "clusterCount above the rows": bad_train(400, "clusterCount: 61", "at most 60", clusterCount=61),
    "clusterCount huge": bad_train(400, "clusterCount: ", clusterCount=2**40),
    "skip of text": bad_train(400, "skipEmbeddingsAndMemory: ", skipEmbeddingsAndMemory="yes"),
    "thresholds no list": bad_train(400, "thresholds: ", thresholds={"key": "min_anomaly_score", "value": 1}),
    "threshold of another key": bad_train(
        400,
        "thresholds[0].key: 'min_score' is unknown",
        "min_anomaly_score",
        thresholds=[{"key": "min_score", "value": 1}],
    ),
    "threshold without value": bad_train(
        400, "thresholds[0].value: is required", thresholds=[{"key": "min_anomaly_score"}]
    ),
    "threshold of words": bad_train(
        400,
        "thresholds[0].value: 'high' is not a number",
        thresholds=[{"key": "min_anomaly_score", "value": "high"}],
    ),
    "threshold NaN in a string": bad_train(
        400, "thresholds[0].value: ", thresholds=[{"key": "min_anomaly_score", "value": "NaN"}]
    ),
    "threshold off the scale": bad_train(
        400, "thresholds[0].value: ", thresholds=[{"key": "min_anomaly_score", "value": 1e6}]
    ),
    "threshold with an unknown member": bad_train(
        400,
        "thresholds[0].valeu: ",
        "did you mean value?",
        thresholds=[{"key": "min_anomaly_score", "value": 1, "valeu": 2}],
    ),
    "requestId of a number": bad_train(400, "requestId: ", requestId=5),
    "requestId empty": bad_train(400, "requestId: ", requestId=""),
    "requestId too long": bad_train(400, "requestId: ", requestId="x" * 257),
    "clusterCount beyond the trainer": bad_train(400, "clusterCount: ", learn_id=GMM, clusterCount=65535),
    # unknown things
    "unknown project": Bad(train_path(project=99), TRAIN, 404, "not_found", ("project 99",)),
    "unknown learn block": Bad(train_path(9), TRAIN, 404, "not_found", ("learn block 9", "7, 8")),
    "project 0": Bad("api/0/impulse", IMPULSE, 400, "invalid_member", ("projectId: '0'",)),
    "project of words": Bad("api/mine/impulse", IMPULSE, 400, "invalid_member", ("projectId: 'mine'",)),
    "project of many digits": Bad(f"api/{'9' * 5000}/impulse", {}, 400, "invalid_member", ("projectId: ",)),
    "project of foreign digits": Bad("api/\u0661/impulse", {}, 400, "invalid_member", ("projectId: ",)),
    "unknown job": Bad("api/1/jobs/1/cancel", {}, 404, "not_found", ("job 1 ",)),
    "unknown job's status": Bad("api/1/jobs/1/status", {}, 404, "not_found", ("job 1 ",), "get"),
    "job of words": Bad("api/1/jobs/last/status", {}, 400, "invalid_member", ("jobId: 'last'",), "get"),
    "unknown route": Bad("api/1/jobs/train/anomalie/7", TRAIN, 404, "not_found", ("did you mean api/",)),
    "no route": Bad("", {}, 404, "not_found", ("no route",)),
    "route of another method": Bad("api/1/raw-data", {}, 404, "not_found", ("use get",)),
    "get instead of post": Bad(train_path(), TRAIN, 404, "not_found", ("use post",), "get"),
    "unknown category": Bad("api/1/validation/data", acquisition(), 404, "not_found", ("no route",)),
    # too few rows
    "one row": Bad(
        train_path(project=POOR), {**TRAIN, "clusterCount": 1}, 409, "conflict", ("1 training rows", "2")
    ),
    "no rows": Bad(train_path(project=EMPTY), TRAIN, 409, "conflict", ("no training data",)),
    "rows of another kind": Bad(
        train_path(project=SERIES), TRAIN, 409, "conflict", ("features", "time-series")
    ),
    # stored settings
    "settings unknown": Bad(SETTINGS, {"axis": [0]}, 400, "invalid_member", ("axis: ", "did you mean axes?")),
    "settings twice": Bad(SETTINGS, {"axes": [1, 1]}, 400, "invalid_member", ("axes[1]: 1 is already",)),
    "settings clusterCount": Bad(SETTINGS, {"clusterCount": 0}, 400, "invalid_member", ("clusterCount: ",)),
    "settings of an unknown block": Bad(
        "api/1/training/anomaly/9", {"axes": [0]}, 404, "not_found", ("learn block 9",)
    ),
    # impulses
    "impulse without blocks": Bad("api/1/impulse", {}, 400, "invalid_member", ("inputBlocks: is required",)),
    "no learn block": bad_impulse("learnBlocks: ", learnBlocks=[]),
    "two input blocks": bad_impulse("inputBlocks: ", inputBlocks=[{"id": 1, "type": "features"}] * 2),
    "input of unknown type": bad_impulse("inputBlocks[0].type: ", inputBlocks=(0, {"type": "video"})),
    "DSP of unknown type": bad_impulse(
        "dspBlocks[0].type: 'fft' is unknown", "raw", dspBlocks=(0, {"type": "fft"})
    ),
    "learn block of unknown type": bad_impulse(
        "learnBlocks[1].type: 'svm' is unknown", "anomaly-gmm", learnBlocks=(1, {"type": "svm"})
    ),
    "id twice": bad_impulse("learnBlocks[0].id: 2 is the id of dspBlocks[0]", learnBlocks=(0, {"id": 2})),
    "name twice": bad_impulse("learnBlocks[1].name: ", learnBlocks=(1, {"name": "kmeans"})),
    "name with the same identifier": bad_impulse(
        "learnBlocks[1].name: ", learnBlocks=(1, {"name": "KMeans"})
    ),
    "name without a letter": bad_impulse(
        "learnBlocks[0].name: no C identifier", learnBlocks=(0, {"name": "-"})
    ),
    "DSP block that is not there": bad_impulse("DSP block 99", learnBlocks=(0, {"dsp": [99]})),
    "input block that is not there": bad_impulse("input block 99", dspBlocks=(0, {"input": 99})),
    "no DSP block": bad_impulse("learnBlocks[0].dsp: ", learnBlocks=(0, {"dsp": []})),
    "option of another trainer": bad_impulse(
        "learnBlocks[0].scaling: ", learnBlocks=(0, {"scaling": "none"})
    ),
    "unknown member of a block": bad_impulse(
        "dspBlocks[0].axess: ", "did you mean axes?", dspBlocks=(0, {"axess": ["x"]})
    ),
    "window without a row": bad_impulse(
        "windowSizeMs", inputBlocks=(0, {"type": "time-series", "windowSizeMs": 1, "frequencyHz": 1})
    ),
    "window without end": bad_impulse(
        "inputBlocks[0].windowSizeMs: ",
        inputBlocks=(0, {"type": "time-series", "windowSizeMs": 1e300, "frequencyHz": 1e9}),
    ),
    # acquisitions
    "no payload": Bad(DATA, {}, 400, "invalid_member", ("payload: is required",)),
    "no sensors": bad_payload("payload.sensors: ", sensors=[]),
    "sensor without name": bad_payload("payload.sensors[0].name: ", sensors=[{"units": "g"}]),
    "sensor twice": bad_payload(
        "payload.sensors[2].name: x is already", sensors=[{"name": name} for name in ("x", "y", "x")]
    ),
    "other columns": bad_payload("payload.sensors: ", sensors=[{"name": name} for name in ("x", "y", "w")]),
    "no values": bad_payload("payload: give either", values=...),
    "values and values_base64": bad_payload("payload: give either", values_base64="AAAA"),
    "values empty": bad_payload("payload.values: is empty", values=[]),
    "row too short": bad_payload("payload.values[1]: has 2 values for 3", values=[[1, 2, 3], [1, 2]]),
    "row no list": bad_payload("payload.values[0]: has 1 values for 3", values=[1]),
    "cell of text": bad_payload("payload.values[0][1]: is not a number", values=[[1, "2", 3]]),
    "cell true": bad_payload("payload.values[0][0]: is not a number", values=[[True, 2, 3]]),
    "cell null": bad_payload("payload.values[0][2]: is not a number", values=[[1, 2, None]]),
    "cell beyond float32": bad_payload("payload.values[1][0]: column x", values=[[1, 2, 3], [1e39, 2, 3]]),
    "values_base64 of other letters": bad_payload("payload.values_base64: ", values=..., values_base64="!!"),
    "values_base64 cut off": bad_payload("payload.values_base64: ", values=..., values_base64="AAAA"),
    "values_base64 with NaN": bad_payload(
        "payload.values[0][0]: ", values=..., values_base64="AADAfwAAwH8AAMB/"
    ),
    "negative interval": bad_payload("payload.interval_ms: ", interval_ms=-1),
    "another kind": bad_payload("payload.interval_ms: ", interval_ms=10),
    "no device type": bad_payload("payload.device_type: is required", device_type=...),
    "signed without signature": Bad(
        DATA,
        acquisition(protected={"ver": "v1", "alg": "HS256"}),
        400,
        "invalid_member",
        ("signature: is not 64 hexadecimal digits",),
    ),
    "another version": Bad(
        DATA, acquisition(protected={"ver": "v9", "alg": "none"}), 400, "invalid_member", ("protected.ver: ",)
    ),
    "too few labels": Bad(DATA, acquisition(labels=["a"]), 400, "invalid_member", ("labels: are 1 for 60",)),
    "label of a number": Bad(DATA, acquisition(label=5), 400, "invalid_member", ("label: ",)),
    "metadata of numbers": Bad(DATA, acquisition(metadata={"a": 1}), 400, "invalid_member", ("metadata",)),
    # listings, files, versions
    "no category": Bad("api/1/raw-data", {}, 400, "invalid_member", ("category: is required",), "get"),
    "another category": Bad(
        "api/1/raw-data", {"category": "all"}, 400, "invalid_member", ("category: ",), "get"
    ),
    "negative offset": Bad("api/1/jobs", {"offset": -1}, 400, "invalid_member", ("offset: ",), "get"),
    "offset beyond 64 bits": Bad(
        "api/1/jobs", {"offset": 2**64}, 400, "invalid_member", ("offset: ",), "get"
    ),
    "limit too large": Bad("api/1/jobs/history", {"limit": 1001}, 400, "invalid_member", ("limit: ",), "get"),
    "no version yet": Bad(f"api/1/models/{KMEANS}/1", {}, 404, "not_found", ("no version 1",), "get"),
    "version 0": Bad(f"api/1/models/{KMEANS}/0", {}, 400, "invalid_member", ("version: '0'",), "get"),
    "file out of the version": Bad(
        f"api/1/models/{KMEANS}/1/files/../../../../trainerd.db", {}, 404, "not_found", (), "get"
    ),
    "rollback without model": Bad(
        f"api/1/models/{KMEANS}/rollback", {}, 404, "not_found", ("learn block 7",)
    ),
    "rollback to version 0": Bad(
        f"api/1/models/{KMEANS}/rollback", {"version": 0}, 400, "invalid_member", ("version: ",)
    ),
    "metadata before training": Bad(f"{SETTINGS}/metadata", {}, 404, "not_found", ("learn block 7",), "get"),
    **{
        f"body: {name}": Bad(
            train_path(),
            body,
            400,
            "malformed_body",
            ("the body ",) if "half" not in name and "digits" not in name else (),
        )
        for name, body in MALFORMED.items()
    },
    **{
        f"body with {name}": Bad(train_path(), body, 400, "malformed_body", (said,))
        for name, (body, said) in NAMED_IN_BODY.items()
    },
    "body over the limit": Bad(
        train_path(), b'{"axes": [0]' + b" " * 256 * 1024 + b"}", 413, "body_too_large", ("262144",)
    ),
}
