"""Each claim of a notebook is proven able to fail, in the run that makes it.

After ``expect(condition, claim)`` the condition is evaluated again with a value that was seen replaced
by another one (`perturbing`), until `Unmet` is raised. A claim for which no such mutation raises says
nothing, and fails the notebook. Only what is compared, asked or counted is replaced; what is given to
a call of the lab is not, at first: with another id it would wait for what never comes.

Of ``expect_none(look, claim)``, that nothing comes, the notebook's own look is asked again at its end:
by then, what it looked for has come, or the claim could not fail.
"""

import ast
import builtins
import contextlib
import copy
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from canvas_demo.course.perturbing import perturbations
from canvas_demo.lab.checks import Unmet, expect, expect_none

CLAIMS = ("expect", "expect_none")
PROVE, MUTATE = "__prove__", "__mutate__"
CONTAINERS = {name for name in vars(builtins) if name.islower()}
"""Calls whose arguments are what is looked at: len, set, sorted, all, …"""
MOST = 8
"""Of the values that are tried in one place."""
Look = Callable[[], object]
VALUES = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.ListComp, ast.SetComp, ast.BinOp)


class Unproven(AssertionError):
    """No value makes a claim fail."""


# --- where a condition can be broken -----------------------------------------------------------------------


def claims_in(tree: ast.AST) -> list[ast.Call]:
    """The calls that make claims."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name_of(node.func) in CLAIMS]


def conjuncts(condition: ast.expr) -> Iterator[ast.expr]:
    """The parts that must all hold, each of which has to be able to fail: of ``and``, and of a list of conditions."""
    match condition:
        case ast.BoolOp(ast.And(), parts) | ast.List(parts) | ast.Tuple(parts):
            for part in parts:
                yield from conjuncts(part)
        case _:
            yield condition


def mutants(condition: ast.expr) -> list[ast.Lambda]:
    """Functions of ``__mutate__``, each the condition with one value in it given through that."""
    found: list[ast.expr] = []
    later: list[ast.expr] = []
    _collect(condition, found, later, root=True)
    made = [_mutant(condition, site, _call(MUTATE, copy.deepcopy(site))) for site in [*found, *later]]
    return [*made, *_swapped(condition)]


def _swapped(condition: ast.expr) -> Iterator[ast.Lambda]:
    """For what must differ: the condition with the value that it is compared with on both sides."""
    for node in ast.walk(condition):
        match node:
            case ast.Compare(left, [ast.Eq() | ast.NotEq()], [right]) if _looks(node):
                yield _mutant(condition, left, copy.deepcopy(right))
            case ast.Compare(left, [ast.In() | ast.NotIn()], [right]) if _looks(node):
                yield _mutant(condition, left, _call("next", _call("iter", copy.deepcopy(right))))


def _looks(node: ast.AST) -> bool:
    """Whether something is looked at in it: a name that is no function of Python's."""
    return any(isinstance(each, ast.Name) and each.id not in CONTAINERS for each in ast.walk(node))


def _collect(node: ast.expr, found: list[ast.expr], later: list[ast.expr], *, root: bool = False) -> None:
    if isinstance(node, ast.Lambda) or not _looks(node) or _is_same(node):
        return
    if isinstance(node, VALUES) and not root and not _is_length(node):
        found.append(node)
    if isinstance(node, ast.Call):
        _collect_in_call(node, found, later)
        return
    for child in ast.iter_child_nodes(node):
        inner = [child.iter, *child.ifs] if isinstance(child, ast.comprehension) else [child]
        for each in inner:
            if isinstance(each, ast.expr):
                _collect(each, found, later)


def _collect_in_call(node: ast.Call, found: list[ast.expr], later: list[ast.expr]) -> None:
    """What a method is asked of is seen; what a function of Python's is given is too."""
    if isinstance(node.func, ast.Attribute):
        _collect(node.func.value, found, later)
    is_container = isinstance(node.func, ast.Name) and node.func.id in CONTAINERS
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        _collect(argument, found if is_container else later, later)


def _is_same(node: ast.expr) -> bool:
    """A value is always equal to itself."""
    return isinstance(node, ast.Compare) and len({ast.dump(each) for each in (node.left, *node.comparators)}) == 1


def _is_length(node: ast.expr) -> bool:
    """A length is never negative: what it is the length of can be another, not itself."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


# --- the proof beside the claim ----------------------------------------------------------------------------


class Proving(ast.NodeTransformer):
    """Puts the proof after every statement that makes a claim; each claim has a number, from 1 on."""

    def __init__(self) -> None:
        self.seen = 0

    def visit_Expr(self, node: ast.Expr) -> Any:
        """The claim, and then its proof."""
        call = node.value
        if not isinstance(call, ast.Call) or _name_of(call.func) not in CLAIMS or len(call.args) < 2:
            return node
        self.seen += 1
        if _name_of(call.func) == "expect":
            parts = [ast.List([*mutants(part)], ast.Load()) for part in conjuncts(call.args[0])]
            given: ast.expr = ast.List([*parts], ast.Load())
        else:
            given = copy.deepcopy(call.args[0])
        proof = ast.Expr(_call(PROVE, ast.Constant(self.seen), given, copy.deepcopy(call.args[1])))
        for each in ast.walk(proof):
            ast.copy_location(each, node)
        return [node, ast.fix_missing_locations(proof)]


def _mutant(condition: ast.expr, site: ast.expr, instead: ast.expr) -> ast.Lambda:
    """``lambda __mutate__: condition``, with ``instead`` where ``site`` is."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return instead if node is site else self.generic_visit(_shallow(node))

    arguments = ast.arguments([], [ast.arg(MUTATE)], None, [], [], None, [])
    return ast.Lambda(arguments, Replace().visit(condition))


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [*arguments], [])


def _shallow(node: ast.AST) -> ast.AST:
    """The node anew, with lists of its own, so that a change stays in the copy."""
    made = copy.copy(node)
    for name, value in ast.iter_fields(node):
        setattr(made, name, list(value) if isinstance(value, list) else value)
    return made


@dataclass
class Proofs:
    """The proofs of one notebook; ``proven`` has the numbers of the claims."""

    proven: set[int] = field(default_factory=set)
    looks: dict[int, tuple[Look, str]] = field(default_factory=dict)
    """Of the claims that nothing comes: how it is looked for, and the claim."""

    def prove(self, number: int, given: Look | Sequence[Sequence[Callable[..., Any]]], claim: str) -> None:
        """Raise `Unproven` where no mutation makes a part of the claim fail; a look is kept for `prove_looks`."""
        if callable(given):
            self.looks[number] = (given, claim)
            return
        parts = [any(_fails(mutant, claim) for mutant in of_part) for of_part in given]
        if not all(parts):
            which = f"part {parts.index(False) + 1} of " if len(parts) > 1 else ""
            raise Unproven(
                f"{which}the claim {claim!r} can't fail: no other value of what is compared makes it false. "
                "Write what was seen, and what it is compared with, into the expect."
            )
        self.proven.add(number)

    def prove_looks(self) -> None:
        """Raise `Unproven` for a claim that nothing comes whose look has found nothing by now either."""
        for number, (look, claim) in self.looks.items():
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    expect_none(look, claim)
            except Unmet:
                self.proven.add(number)
            else:
                raise Unproven(
                    f"the claim {claim!r} can't fail: its look has found nothing up to the notebook's end. "
                    "Let what must not come then come later, or look for what can."
                )


def _fails(mutant: Callable[..., Any], claim: str) -> bool:
    """Whether the claim is `Unmet` for one of the other values."""
    for number in range(MOST):
        mutate = _Mutate(number)
        if _raises(partial(_claim, mutant, mutate, claim)):
            return True
        if mutate.exhausted:
            break
    return False


def _claim(mutant: Callable[..., Any], mutate: "_Mutate", claim: str) -> None:
    expect(mutant(mutate), claim)


class _Mutate:
    """Gives another value for each that it is called with: of the perturbations, the one of this number."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.exhausted = True

    def __call__(self, value: Any) -> Any:
        others = perturbations(value)
        self.exhausted = self._number >= len(others)
        return value if self.exhausted else others[self._number]


def _raises(claim: Callable[[], None]) -> bool:
    """Whether it raises `Unmet`; that another value does not fit where it was put shows nothing."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            claim()
        except Unmet:
            return True
        except Exception:  # noqa: BLE001  (a mutation that does not fit is no proof, and no failure)
            return False
    return False
