"""A prediction beside a measurement: quantity by quantity, and what would explain the difference.

Every sentence is computed: each knob and option is changed alone and predicted again, Little's law is applied to the measured
numbers, and measured rates and exits are held against what line, media and path allow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import MeasurementError
from .journey import Label
from .measured.causes import Cause, causes_of
from .measured.findings import findings_of
from .measured.measurement import Measurement
from .measured.reading import shown
from .measured.rows import Quantity, Row, Verdict, distance, figure, rows_of
from .prediction import Prediction

__all__ = ["Cause", "Comparison", "Quantity", "Row", "Verdict", "compare_with"]


@dataclass(frozen=True, repr=False)
class Comparison:
    """A prediction and a measurement side by side.

    Args:
        rows: One for each quantity measured.
        error: How far the two are apart: root mean square of the logarithms of their ratios; 0.7 is a factor of two.
        causes: Changes that bring the prediction closer, best first.
        findings: Labels of the topic `measured`, most important first.
    """

    prediction: Prediction
    measurement: Measurement
    rows: tuple[Row, ...]
    error: float
    causes: tuple[Cause, ...]
    findings: tuple[Label, ...]

    @property
    def is_inside(self) -> bool:
        """Whether every quantity that can be judged lies in its predicted range."""
        return all(row.verdict in (Verdict.INSIDE, Verdict.UNCLEAR) for row in self.rows)

    def row(self, quantity: Quantity | str) -> Row:
        """The row of a quantity.

        Raises:
            MeasurementError: it was not measured; lists what was.
        """
        for row in self.rows:
            if row.quantity == quantity:
                return row
        there = ", ".join(row.quantity for row in self.rows)
        raise MeasurementError(f"comparison: no quantity {shown(quantity)} was measured; there are {there}")

    def __repr__(self) -> str:
        first = next((row for row in self.rows if row.predicted is not None), self.rows[0])
        expected = f"{figure(first.predicted.typical)} predicted, " if first.predicted else ""
        best = f"; best single change {self.causes[0].change.text}" if self.causes else ""
        return (
            f"<Comparison {self.prediction.path}, {self.prediction.request.text} with {self.measurement.source} "
            f"{self.measurement.name!r}: {first.quantity} {expected}{figure(first.measured)} measured, {first.verdict}{best}>"
        )


def compare_with(prediction: Prediction, measurement: Measurement) -> Comparison:
    """The prediction beside the measurement, and what would explain the difference.

    Args:
        prediction: Of the path, request and setting that were measured, as far as they are known.
        measurement: As `read_measurement` gives it.
    Raises:
        MeasurementError: these are not a prediction and a measurement, or nothing of what the model predicts was measured.

    >>> import sriovlab as sl
    >>> ours = Measurement("own", "mine", kind="read", size=4096, queue_depth=1, latency_us=45.0)
    >>> compare_with(sl.predict("virtio"), ours).is_inside
    True
    """
    if not isinstance(prediction, Prediction):
        raise MeasurementError(f"prediction is {shown(prediction)}, expected what predict() returns")
    if not isinstance(measurement, Measurement):
        raise MeasurementError(
            f"measurement is {shown(measurement)}, expected what read_measurement() returns"
        )
    rows = rows_of(prediction, measurement)
    if not any(row.predicted is not None for row in rows):
        hint = (
            "give requests=, how many there were" if measurement.exits else "measure latency, rate or exits"
        )
        raise MeasurementError(
            f"{measurement.source} {shown(measurement.name)}: no quantity that the model predicts, expected one or more; {hint}"
        )
    error = distance(rows)
    causes = causes_of(prediction, measurement, error)
    return Comparison(
        prediction, measurement, rows, error, causes, findings_of(prediction, measurement, rows, causes)
    )
