"""A hidden fault is found from what it does, and nothing of it is left when it is mended."""

import itertools

import pytest

import canvas_demo.lab as labs
from canvas_demo.lab import until
from canvas_demo.lab.exercises.failure_day import FAULTS, Patient, fault_of, find_the_fault


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_hidden_fault_is_found_from_the_evidence_and_mended(lab: labs.Lab, fault: str) -> None:
    seed = next(seed for seed in itertools.count() if fault_of(seed) == fault)
    with lab.faults.alone():
        patient = Patient(lab, seed)
        exercise = find_the_fault(lab, patient)
        assert not exercise.check("all is well").passed
        assert not exercise.check((fault, "somebody told me")).passed
        verdict = exercise.check(exercise.solution())
        patient.mend()
    assert verdict.passed, verdict
    until(lambda: patient.examine().all(), "the patient is well", timeout=120)
