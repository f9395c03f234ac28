"""The change class of every field of a spec, and the settings of a spec by class. Pure."""

from collections.abc import Container, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.problems import model_in

M = TypeVar("M", bound=BaseModel)


def change_classes(
    model: type[BaseModel], inherited: ChangeClass | None = None, path: str = ""
) -> Iterator[tuple[str, ChangeClass]]:
    """Path and class of each field of `model` and of all that it is made of; within a list `path[]`.

    The class of a field that is a part is that of the whole part coming and going. Fields without one are left out.
    """
    for name, field in model.model_fields.items():
        here, own = f"{path}{field.alias or name}", _class_of(model, field, inherited)
        if own is not None:
            yield here, own
        if (part := model_in(field.annotation)) is not None:
            yield from change_classes(part, own, f"{here}{'[]' if _is_list(field) else ''}.")


def settings(spec: BaseModel, least: ChangeClass) -> dict[str, Any]:
    """Path -> JSON of each field of class `least` or above that is not as it is by default.

    Without the defaults, so that a field which a later version adds makes no difference until somebody sets it.
    """
    counted = frozenset(tuple(ChangeClass)[least.rank :])
    return dict(_settings(spec, counted, None, ""))


def _settings(
    spec: BaseModel, counted: Container[ChangeClass | None], inherited: ChangeClass | None, path: str
) -> Iterator[tuple[str, Any]]:
    for name, field in type(spec).model_fields.items():
        value, own = getattr(spec, name), _class_of(type(spec), field, inherited)
        here = f"{path}{field.alias or name}"
        if isinstance(value, BaseModel):
            if own in counted and field.default is None:
                yield here, True  # it is there, whatever is in it
            yield from _settings(value, counted, own, f"{here}.")
        elif own in counted and value != field.default:
            written = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, include={name})
            yield here, written[field.alias or name]


def taking(running: M, wanted: M, most: ChangeClass, inherited: ChangeClass | None = None) -> M:
    """`running` with the fields of `wanted` of class `most` or below; parts are gone into, a list is one field."""
    taken: dict[str, Any] = {}
    for name, field in type(running).model_fields.items():
        old, new, own = getattr(running, name), getattr(wanted, name), _class_of(type(running), field, inherited)
        if old == new:
            continue
        if isinstance(old, BaseModel) and type(old) is type(new):
            taken[name] = taking(old, new, most, own)
        elif own is not None and own.rank <= most.rank:
            taken[name] = new
    return running.model_copy(update=taken)


def _class_of(model: type[BaseModel], field: FieldInfo, inherited: ChangeClass | None) -> ChangeClass | None:
    declared = (mark for mark in field.metadata if isinstance(mark, ChangeClass))
    of_the_model: ChangeClass | None = getattr(model, "change_class", None)
    return next(declared, of_the_model or inherited)


def _is_list(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is list
