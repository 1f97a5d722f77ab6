"""Every example in a docstring runs."""

import doctest
import inspect

import pytest

import pinesy
from pinesy import distributed, relation, training


def documented():
    for module in (pinesy, distributed, relation, training):
        yield pytest.param(module, id=module.__name__)
        for name in getattr(module, "__all__", ["conclusion_targets"]):
            thing = getattr(module, name)
            if not inspect.ismodule(thing) and not isinstance(thing, str):
                yield pytest.param(thing, id=f"{module.__name__}.{name}")
                if inspect.isclass(thing):
                    for method, value in vars(thing).items():
                        if not method.startswith("_") and value.__doc__:
                            yield pytest.param(value, id=f"{name}.{method}")


@pytest.mark.parametrize("thing", list(documented()))
def test_examples(thing):
    test = doctest.DocTestParser().get_doctest(thing.__doc__ or "", {}, getattr(thing, "__name__", "?"), None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_everything_public_says_what_it_is():
    for parameter in documented():
        assert parameter.values[0].__doc__, parameter.id
