"""A portal that stores its own rows and the action in one transaction: both, or neither."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from pmsbridge.errors import InputError
from pmsbridge.ports.outcome import Outcome
from tests.portal.conftest import World, card
from tests.portal.test_paying import GATEWAY


def test_an_action_exists_exactly_when_the_callers_transaction_commits(world: World) -> None:
    engine = create_engine(f"sqlite:///{world.path}")
    lanes: list[str] = []
    world.runtime.on_poke = lambda lane, _when: lanes.append(lane)
    rental = world.session().dashboard().rows[0].id

    with Session(engine) as own:
        kept = world.session().within(own).pay_rental(rental, GATEWAY, key="click-within-1")
        own.execute(text("create table booking (id integer)"))
        own.rollback()
    assert world.runtime.actions() == ()

    with Session(engine) as own:
        kept = world.session().within(own).pay_rental(rental, GATEWAY, key="click-within-1")
        again = world.session().within(own).pay_rental(rental, GATEWAY, key="click-within-1")
        own.execute(text("create table booking (id integer)"))
        assert (kept.outcome, again.action_id, lanes) == (Outcome.PENDING, kept.action_id, [])
        own.commit()
    assert lanes
    assert world.office.of_kind("take_payment") == []

    world.runtime.run_due()
    engine.dispose()
    assert world.runtime.action(kept.action_id).outcome is Outcome.SETTLED
    assert len(world.office.of_kind("take_payment")) == 1


def test_a_plain_connection_does_as_well_and_without_a_transaction_it_is_refused(world: World) -> None:
    engine = create_engine(f"sqlite:///{world.path}")
    rental = world.session().dashboard().rows[0].id

    with engine.connect() as own, pytest.raises(InputError, match="no open transaction"):
        world.session().within(own).pay_rental(rental, GATEWAY, key="click-within-2")
    with pytest.raises(InputError, match="no transaction of SQLAlchemy"):
        world.session().within(object()).pay_rental(rental, GATEWAY, key="click-within-2")  # type: ignore[arg-type]
    with engine.begin() as own:
        kept = world.session().within(own).pay_rental(rental, GATEWAY, key="click-within-2")
    world.runtime.run_due()
    engine.dispose()

    assert world.runtime.action(kept.action_id).outcome is Outcome.SETTLED


def test_a_card_typed_now_cannot_wait_for_a_transaction(world: World) -> None:
    engine = create_engine(f"sqlite:///{world.path}")
    rental = world.session().dashboard().rows[0].id
    typed = card()

    with engine.begin() as own, pytest.raises(InputError, match="within a transaction"):
        world.session().within(own).pay_rental(rental, typed, key="click-within-3")
    engine.dispose()

    assert typed.is_wiped
    assert world.runtime.actions() == ()
