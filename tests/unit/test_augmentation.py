"""Augmentation does what its options say, the same for a seed, and mixes labels as it mixes pictures."""

import numpy as np
import pytest

from emorec.errors import BadInput
from emorec.faces.augmentation import (
    PRESETS,
    Augmentation,
    Augmenter,
    augment_batch,
    augmentation_figure,
    draw_transforms,
    options_of,
    warp,
)


def pictures(n=6, size=24, channels=None, seed=0):
    shape = (n, size, size) if channels is None else (n, size, size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")


def one_hot(n, classes=3):
    return np.eye(classes, dtype="float32")[np.arange(n) % classes]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("options", list(PRESETS))
def test_shapes_types_and_seeds(channels, options):
    x, y = pictures(channels=channels), one_hot(6)
    kept = x.copy()
    first, second, other = (augment_batch(x, y, rng(seed), options) for seed in (1, 1, 2))
    assert first[0].shape == x.shape and first[0].dtype == np.uint8 and first[1].dtype == np.float32
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert np.array_equal(first[0], other[0]) == (options == "none")
    assert np.array_equal(x, kept) and first[0] is not x, "the input must not be touched"
    assert np.allclose(first[1].sum(axis=1), 1)


def test_flip_is_the_mirror_image_and_as_frequent_as_asked():
    x = pictures(400)
    flipped = augment_batch(x, None, rng(), {"flip": 0.25})[0]
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, x)])
    same = np.array([np.array_equal(a, b) for a, b in zip(flipped, x)])
    assert (mirrored | same).all() and 70 < mirrored.sum() < 130


def test_a_transform_reads_where_it_says():
    x = pictures(1)
    moved = warp(x, np.array([[[1.0, 0, 2], [0, 1, -3]]]))[0]  # reads 2 to the right and 3 above
    assert np.array_equal(moved[3:, :-2], x[0, :-3, 2:])
    assert np.array_equal(moved[0], moved[3]), "the border goes on"


def read_at(options, point, n=2000, size=25):
    """Where n transforms read ``point`` (x, y, from the centre), from the centre."""
    transforms = draw_transforms(n, (size, size), rng(), options_of(options))
    middle = (size - 1) / 2
    return transforms @ np.array([point[0] + middle, point[1] + middle, 1.0]) - middle


def test_rotation_and_scaling_keep_the_centre_and_stay_in_their_bounds():
    turned = read_at({"rotation": 30}, (10, 0))
    assert np.allclose(np.hypot(*turned.T), 10) and np.allclose(read_at({"rotation": 30}, (0, 0)), 0)
    angles = np.rad2deg(np.arctan2(turned[:, 1], turned[:, 0]))
    assert -30 < angles.min() < -27 and 27 < angles.max() < 30 and abs(angles.mean()) < 2
    zoomed = read_at({"scale": 0.25}, (10, 0))
    assert np.allclose(zoomed[:, 1], 0) and 8 <= zoomed[:, 0].min() < 8.2 and 12.3 < zoomed[:, 0].max() <= 12.5


def test_shift_and_shear():
    shifted = read_at({"shift": 0.2}, (0, 0))
    assert 4.8 < np.abs(shifted).max() <= 5 and np.abs(shifted.mean(axis=0)).max() < 0.3
    sheared = read_at({"shear": 20}, (0, 10))
    assert np.allclose(sheared[:, 1], 10) and 3.4 < np.abs(sheared[:, 0]).max() <= 10 * np.tan(np.deg2rad(20)) + 1e-9


def test_brightness_and_contrast():
    x = np.full((300, 24, 24), 100, dtype="uint8")
    x[:, :, 12:] = 140
    lifted = augment_batch(x, None, rng(), {"brightness": 0.1})[0].astype(int)
    moves = lifted[:, 0, 0] - 100
    assert np.abs(moves).max() in (25, 26) and np.array_equal(lifted[:, 0, 20] - 140, moves)
    spread = augment_batch(x, None, rng(), {"contrast": 0.5})[0].astype(int)
    gap = spread[:, 0, 20] - spread[:, 0, 0]
    assert gap.min() >= 20 and gap.max() <= 60 and gap.max() - gap.min() > 30
    assert np.abs(spread.mean(axis=(1, 2)) - 120).max() <= 1, "the mean stays"
    dark = augment_batch(x // 20, None, rng(), {"brightness": 1})[0]
    assert dark.min() == 0 and dark.max() == 255, "values saturate and do not wrap"


def test_erasing_takes_one_rectangle_of_the_asked_size():
    x = np.zeros((200, 40, 40), dtype="uint8")
    erased = augment_batch(x, None, rng(), {"erasing": 0.5, "erased": (0.1, 0.2)})[0] > 0
    touched = erased.any(axis=(1, 2))
    assert 75 < touched.sum() < 125
    for mask in erased[touched]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) / 1600
        assert 0.09 < area < 0.22 and mask.sum() > 0.9 * area * 1600


def test_mixup_mixes_labels_as_it_mixes_pictures():
    x = np.arange(100, dtype="uint8").reshape(-1, 1, 1) * np.ones((1, 24, 24), dtype="uint8") * 2
    y = np.eye(100, dtype="float32")
    mixed, labels = augment_batch(x, y, rng(), {"mixup": 1.0, "mix": 1.0})
    expected = labels @ x[:, 0, 0].astype(float)
    assert np.abs(mixed[:, 0, 0] - expected).max() <= 0.51 and (labels.max(axis=1) < 1).mean() > 0.9
    share = np.array([row[i] for i, row in enumerate(labels)])
    assert 0.35 < share.mean() < 0.65


def test_cutmix_labels_count_pixels():
    x = np.arange(100, dtype="uint8").reshape(-1, 1, 1) * np.ones((1, 24, 24), dtype="uint8")
    mixed, labels = augment_batch(x, np.eye(100, dtype="float32"), rng(), {"cutmix": 1.0, "mix": 1.0})
    for i, (picture, label) in enumerate(zip(mixed, labels)):
        assert set(np.unique(picture)) == set(np.flatnonzero(label)) | ({i} & set(np.unique(picture)))
        assert label[i] == pytest.approx((picture == i).mean(), abs=1e-6)


def test_the_share_of_mixed_pictures_and_both_kinds():
    x, y = pictures(600), np.eye(600, dtype="float32")
    labels = augment_batch(x, y, rng(), {"mixup": 1.0, "cutmix": 1.0, "mix": 0.3})[1]
    assert 120 < (np.abs(labels - y).max(axis=1) > 0).sum() < 240


def test_an_epoch_is_always_the_same_and_another_differs():
    make = Augmenter(pictures(), one_hot(6), "standard", seed=3)
    assert np.array_equal(make(4)[0], make(4)[0]) and not np.array_equal(make(4)[0], make(5)[0])
    assert make[1] is make.labels and len(make[0]) == 6


@pytest.mark.parametrize(
    "options, words",
    [
        ("strogn", "choose one of none, light"),
        ({"rotate": 3}, "no option rotate"),
        ({"flip": 2}, "flip must be a number from 0 to 1"),
        ({"erased": (0.5, 0.1)}, "erased is"),
        ({"mixup": -1}, "mixup must be a number from 0"),
        (3, "a name, a dict"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(BadInput, match=words):
        options_of(options)


def test_wrong_pictures_and_missing_labels_are_named():
    with pytest.raises(BadInput, match="uint8"):
        augment_batch(np.zeros((2, 8, 8)), None)
    with pytest.raises(BadInput, match="one-hot"):
        augment_batch(pictures(), None, rng(), {"mixup": 0.2})
    with pytest.raises(BadInput, match="one-hot"):
        augment_batch(pictures(), np.arange(6), rng(), {"cutmix": 0.2})


def test_the_figure_names_every_operation():
    figure = augmentation_figure(pictures(1)[0], pictures(1, seed=1)[0], draws=2)
    names = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
    assert len(names) == 11 and {"mirroring", "erasing", "MixUp", "CutMix"} <= set(names)
    assert all(ax.images for ax in figure.axes)


def test_defaults_change_nothing():
    assert not Augmentation().changes and not options_of(None).changes and options_of("light", mixup=0.2).mixes
