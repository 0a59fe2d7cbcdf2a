"""Ids, parameters, settings, states and the registry: what every package takes for granted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.errors import SettingsError
from storage.ids import new_id
from storage.job import TERMINAL, TRANSITIONS, JobState
from storage.params import InpaintParams, steps_to_run
from storage.settings import StorageSettings, read_settings, setting


def test_ids_sort_by_the_order_in_which_they_were_made() -> None:
    made = [new_id("job") for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(name.startswith("job_") and len(name) == 30 for name in made)


def test_no_move_leaves_a_terminal_state_and_every_state_can_be_reached() -> None:
    assert all(TRANSITIONS[state] == frozenset() for state in TERMINAL)
    reached = frozenset[JobState]().union(*TRANSITIONS.values()) | {JobState.QUEUED}
    assert reached == set(JobState)


@given(st.integers(1, 150), st.decimals("0.01", "1", places=2))
def test_actual_steps_are_exact_in_decimal(steps: int, strength: Decimal) -> None:
    assert steps_to_run(steps, float(strength)) == max(1, int(steps * strength))


def test_actual_steps_are_exact_where_floats_are_not() -> None:
    assert int(50 * 0.58) == 28
    assert steps_to_run(50, 0.58) == 29


def test_resolving_leaves_nothing_open_and_keeps_what_was_said() -> None:
    drawn = InpaintParams().resolved(native_size=128, seed=99)
    assert (drawn.width, drawn.height, drawn.seed) == (128, 128, 99)
    said = InpaintParams(width=256, height=64, seed=0).resolved(native_size=128, seed=99)
    assert (said.width, said.height, said.seed) == (256, 64, 0)
    assert InpaintParams(seed=-1).seed is None


def test_image_seeds_count_up_and_wrap() -> None:
    params = InpaintParams(seed=2**32 - 1, num_images=2)
    assert [params.image_seed(index) for index in range(2)] == [2**32 - 1, 0]


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"strength": 0}, {"width": 100}, {"seed": 2**32}, {"seed": True}, {"model": "../x"}, {"stesp": 3}],
)
def test_params_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InpaintParams.model_validate(wrong)


@dataclass(frozen=True)
class Example:
    name: str = setting("X_NAME", "a name")
    count: int = setting("X_COUNT", "a count", 3)
    places: tuple[str, ...] = setting("X_PLACES", "places", ())
    folder: Path | None = setting("X_FOLDER", "a folder", None)
    on: bool = setting("X_ON", "a switch", False)


def test_settings_come_from_the_environment_in_their_types() -> None:
    env = {"X_NAME": "n", "X_COUNT": "5", "X_PLACES": "a, b", "X_FOLDER": "/tmp", "X_ON": "yes"}
    assert read_settings(Example, env) == Example("n", 5, ("a", "b"), Path("/tmp"), True)
    assert read_settings(Example, {"X_NAME": "n", "X_COUNT": ""}) == Example("n")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "X_NAME is not set"),
        ({"X_NAME": "n", "X_COUNT": "x"}, "X_COUNT='x'"),
        ({"X_NAME": "n", "X_ON": "2"}, "X_ON"),
    ],
)
def test_unusable_settings_name_the_variable(env: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(Example, env)


def test_secrets_are_not_shown_in_a_repr() -> None:
    settings = StorageSettings("sqlite://", "redis://", "s3://b", s3_secret_key="hush")
    assert "hush" not in repr(settings)


def test_objects_must_say_what_they_are() -> None:
    env = {"INPAINTD_DATABASE_URL": "sqlite://", "INPAINTD_REDIS_URL": "redis://", "INPAINTD_OBJECTS": "objects"}
    with pytest.raises(SettingsError, match="s3:// or file:///"):
        StorageSettings.from_env(env)
