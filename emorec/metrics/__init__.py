"""Numbers: scores with intervals, calibration, comparisons. Labels are names; a label set fixes their order."""

from emorec.metrics.calibration import (
    expected_calibration_error,
    fit_temperature,
    logits,
    probabilities,
    reliability_table,
    tune_thresholds,
)
from emorec.metrics.comparisons import Comparison, McNemar, corrected_t_test, gains, holm, mcnemar
from emorec.metrics.evaluation import (
    Evaluation,
    MultilabelEvaluation,
    balanced_weights,
    class_weights,
    evaluate,
    evaluate_multilabel,
    macro_f1,
)
from emorec.metrics.intensity import Intensity, intensity
from emorec.metrics.intervals import Estimate, bootstrap_interval, mean_interval, seeds_interval, wilson_interval

__all__ = [
    "Comparison", "Estimate", "Evaluation", "Intensity", "McNemar", "MultilabelEvaluation", "balanced_weights",
    "bootstrap_interval", "class_weights", "corrected_t_test", "evaluate", "evaluate_multilabel",
    "expected_calibration_error", "fit_temperature", "gains", "holm", "intensity", "logits", "macro_f1", "mcnemar",
    "mean_interval", "probabilities", "reliability_table", "seeds_interval", "tune_thresholds", "wilson_interval",
]  # fmt: skip
