"""ATK's bodies: references, defaults, and its own messages."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import InvalidMember
from daemon.wire.atk import CommandRequest, GmmTrain, KMeansTrain, NewFrame, Uri, reference_id
from daemon.wire.members import convert, decode_json

GOOD: dict[str, Any] = {
    "model": {"uri": "models/5"},
    "frame": {"uri": "frames/4"},
    "observation_columns": ["data"],
    "column_scalings": [1.0],
}


def command(name: str = "model:gmm/train", **arguments: Any) -> Any:
    """A command, decoded; arguments that are None are left out."""
    given = {key: value for key, value in {**GOOD, **arguments}.items() if value is not None}
    return convert({"name": name, "arguments": given}, CommandRequest)


def refusal(**arguments: Any) -> str:
    """What is said to arguments that are wrong."""
    with pytest.raises(InvalidMember) as refused:
        command(**arguments)
    return refused.value.message


def test_the_request_of_the_documentation_is_taken_as_it_stands() -> None:
    body = decode_json(
        b'{"name":"model:gmm/train","arguments":{"model":{"uri":"models/5"},"frame":{"uri":"frames/4"},'
        b'"observation_columns":["data"],"column_scalings":[1.0],"k":2,"max_iterations":100,'
        b'"convergence_tol":0.01,"seed":6435321150487585734}}'
    )
    found = convert(body, CommandRequest)
    assert isinstance(found, GmmTrain)
    assert found.arguments.seed == 6435321150487585734
    assert (found.name, found.model_type) == ("model:gmm/train", "model:gmm")


def test_defaults_are_those_of_atk() -> None:
    gmm, k_means = command(), command("model:k_means/train")
    assert isinstance(gmm, GmmTrain) and isinstance(k_means, KMeansTrain)
    arguments = gmm.arguments
    assert (arguments.k, arguments.max_iterations, arguments.convergence_tol) == (2, 100, 0.01)
    other = k_means.arguments
    assert (other.k, other.max_iterations, other.epsilon) == (2, 20, 1e-4)
    assert other.initialization_mode == "k-means||"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observation_columns": []}, "observationColumn must not be null nor empty"),
        ({"observation_columns": None}, "observationColumn must not be null nor empty"),
        ({"column_scalings": []}, "columnWeights must not be null or empty"),
        (
            {"column_scalings": [1.0, 2.0]},
            "Length of columnWeights and observationColumns needs to be the same",
        ),
        ({"k": 0}, "k must be at least 1"),
        ({"k": -3}, "k must be at least 1"),
        ({"max_iterations": 0}, "maxIterations must be a positive value"),
        ({"k": 2**31}, "is no int32"),
        ({"k": 2.5}, "expected `int`, got `float`"),
        ({"model": None}, "is required and missing"),
        ({"max_iteration": 5}, "unknown member, did you mean max_iterations?"),
        ({"seed": 2**64}, "expected `int` <= 9223372036854775807"),
    ],
)
def test_arguments_are_refused_in_the_words_of_atk(arguments: dict[str, Any], message: str) -> None:
    (name,) = arguments
    assert refusal(**arguments) == f"arguments.{name}: {message}"


@pytest.mark.parametrize("scaling", [0.0, -0.0, 1e-31, -1e31])
def test_scalings_that_would_mute_a_column_are_refused(scaling: float) -> None:
    assert refusal(column_scalings=[scaling]).startswith(f"arguments.column_scalings[0]: {scaling:g} leaves")


def test_an_unknown_command_is_told_the_nearest_known_one() -> None:
    with pytest.raises(
        InvalidMember, match=r"^name: 'model:gmm/trian' is unknown, did you mean 'model:gmm/tr"
    ):
        command("model:gmm/trian")
    with pytest.raises(InvalidMember, match=r"^name: 'x' is unknown, known are model:gmm/new, .*/publish$"):
        command("x")
    with pytest.raises(InvalidMember, match=r"^arguments.k: unknown member"):
        command("model:gmm/predict", k=2, column_scalings=None)


@pytest.mark.parametrize(
    "reference",
    [5, "5", "models/5", "v1/models/5", "http://host:9099/v1/models/5", Uri("models/5"), Uri("/v1/models/5")],
)
def test_every_form_of_a_reference_is_understood(reference: Any) -> None:
    assert reference_id(reference, "model") == 5


@pytest.mark.parametrize(
    "reference", [0, -1, "", "models/", "models/x", "5/models", "frames/5", 2**53, "9" * 99]
)
def test_what_is_no_reference_to_a_model_is_refused(reference: Any) -> None:
    with pytest.raises(InvalidMember, match=r"^arguments\.model: .* is no model"):
        reference_id(reference, "model")


def test_a_frame_takes_numbers_only() -> None:
    def said(body: dict[str, Any]) -> str:
        with pytest.raises(InvalidMember) as refused:
            convert(body, NewFrame)
        return refused.value.message

    assert said({"schema": []}).startswith("schema: ")
    assert said({"schema": [["a", "str"]]}).startswith("schema[0][1]: ")
    assert said({"schema": [["a", "int32"]], "rows": [[True]]}) == "rows[0][0]: expected `float`, got `bool`"
    assert said({"schema": [["a", "int32"]], "rows": [[None]]}) == "rows[0][0]: expected `float`, got `null`"
