"""Rendered faces: what each action unit moves, metadata that fits the picture, equal bytes for equal seeds."""

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from emorec.datasets import store
from emorec.errors import BadInput, LabelMismatch
from emorec.faces.render import (
    ACTION_UNITS,
    DIFFICULTIES,
    EMOTION_UNITS,
    HAIR_STYLES,
    Identity,
    Light,
    Nuisance,
    face_from_id,
    portrait,
    random_face,
    render,
    sample_units,
)
from emorec.faces.render.sample import PORTRAIT_UNITS
from emorec.faces.rendered import sample_faces
from emorec.labels import EMOTIONS7

WHO = Identity.from_seed((0, 4), hair_style="crop", beard="none", moustache=False, glasses=0)


def marks(units, **options):
    return render(WHO, units, size=96, **options).landmarks


REST = marks({})


def height(points, index):
    """Upwards, unlike rows."""
    return -np.asarray(points)[index, 1].mean()


# --- action units ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "points", "sign"),
    [
        (1, [21, 22], 1),  # inner brows up
        (2, [17, 18, 25, 26], 1),  # outer brows up
        (4, [20, 21, 22, 23], -1),  # brows down
        (5, [37, 38, 43, 44], 1),  # upper lids up
        (7, [40, 41, 46, 47], 1),  # lower lids up
        (6, [40, 41, 46, 47], 1),
        (9, [31, 33, 35], 1),  # nose drawn up
        (10, [50, 51, 52], 1),  # upper lip up
        (12, [48, 54], 1),  # lip corners up
        (15, [48, 54], -1),  # lip corners down
        (16, [56, 57, 58], -1),  # lower lip down
        (17, [56, 57, 58], 1),  # lower lip pushed up
        (26, [7, 8, 9], -1),  # chin down
        (27, [7, 8, 9], -1),
        (43, [37, 38, 43, 44], -1),  # upper lids down
    ],
)
def test_unit_raises_or_lowers(unit, points, sign):
    moved = height(marks({unit: 1.0}), points) - height(REST, points)
    half = height(marks({unit: 0.5}), points) - height(REST, points)
    assert sign * moved > 0.8
    assert 0 < sign * half < sign * moved


@pytest.mark.parametrize(("unit", "sign"), [(12, 1), (20, 1), (18, -1), (23, -1), (24, -1)])
def test_unit_widens_or_narrows_mouth(unit, sign):
    width = [np.linalg.norm(m[54] - m[48]) for m in (REST, marks({unit: 1.0}))]
    assert sign * (width[1] - width[0]) > 0.8


def gape(points):
    return (points[[65, 66, 67], 1] - points[[63, 62, 61], 1]).mean()


@pytest.mark.parametrize("unit", [25, 26, 27])
def test_unit_opens_mouth(unit):
    assert gape(REST) < 0.2
    assert gape(marks({unit: 0.4})) < gape(marks({unit: 1.0}))
    assert gape(marks({unit: 1.0})) > 2


def test_pressed_lips_stay_closed_and_thin():
    def thickness(m):
        return m[57, 1] - m[51, 1]

    assert gape(marks({24: 1.0, 25: 1.0})) < 0.3
    assert thickness(marks({24: 1.0})) < 0.6 * thickness(REST)


def test_brow_lowerer_draws_the_brows_together():
    gap = [m[22, 0] - m[21, 0] for m in (REST, marks({4: 1.0}))]
    assert gap[1] < gap[0] - 2


@pytest.mark.parametrize("unit", sorted(ACTION_UNITS))
def test_every_unit_is_seen(unit):
    change = np.abs(render(WHO, {unit: 1.0}, size=96).image.astype(int) - render(WHO, {}, size=96).image)
    assert (change.max(-1) > 25).sum() > 20


def test_wide_eyes_show_more_white():
    def white(units):
        face = render(WHO, units, size=192, light=Light(strength=0.2))
        inside = face.image[face.mask("eyes")].astype(int)
        return ((inside.min(-1) > 150) & (inside.max(-1) - inside.min(-1) < 45)).sum()

    assert white({5: 1.0}) > 1.25 * white({}) > 1.25 * white({7: 1.0})


def test_frown_draws_furrows_between_the_brows():
    """The furrows of AU4 lie in the region called brows, which is what masking the brows must hide."""
    change = np.abs(render(WHO, {4: 1.0}).image.astype(int) - render(WHO, {}).image).sum(-1)
    face = render(WHO, {4: 1.0})
    assert change[face.mask("brows")].mean() > 6 * change[face.mask("mouth")].mean()


# --- pose, light, nuisance ---------------------------------------------------------------------------------------


def test_head_turns_the_way_the_angles_say():
    """Relative to the middle of the eye corners, the tip of the nose goes right with yaw and up with pitch."""

    def nose(pose):
        m = marks({}, pose=pose)
        return m[30] - m[[36, 45]].mean(0)

    assert nose((20, 0, 0))[0] > 2 > -2 > nose((-20, 0, 0))[0]
    assert nose((0, 15, 0))[1] < nose((0, 0, 0))[1] - 2 < nose((0, -15, 0))[1] - 4
    eyes = marks({}, pose=(0, 0, 20))
    slope = np.rad2deg(np.arctan2(*(eyes[45] - eyes[36])[::-1]))
    assert slope == pytest.approx(20, abs=2)


def test_landmarks_follow_the_pixels_through_the_pose():
    """The pupil is dark and the white beside it is bright, wherever the head has turned to."""
    for pose in [(0, 0, 0), (22, 0, 0), (-22, 8, 12), (10, -10, -20)]:
        face = render(WHO, {5: 0.6}, size=192, pose=pose, light=Light(strength=0.2))
        grey = cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY).astype(float)
        for eye in (face.landmarks[36:42], face.landmarks[42:48]):
            x, y = np.round(eye.mean(0)).astype(int)
            middle = grey[y - 3 : y + 4, x - 3 : x + 4].min()
            cx, cy = np.round(0.72 * eye[0] + 0.28 * eye.mean(0)).astype(int)
            assert middle < 60 and grey[cy - 2 : cy + 3, cx - 2 : cx + 3].max() > middle + 50


def test_lamp_lights_its_side():
    def sides(azimuth):
        face = render(WHO, {}, light=Light(azimuth, 20, 0.9))
        grey, m = face.image.mean(-1), face.landmarks
        y = int(m[30, 1])
        left, right = int((m[2, 0] + m[31, 0]) / 2), int((m[14, 0] + m[35, 0]) / 2)
        return grey[y - 3 : y + 4, left - 3 : left + 4].mean(), grey[y - 3 : y + 4, right - 3 : right + 4].mean()

    left, right = sides(60)
    assert right > left + 15
    left, right = sides(-60)
    assert left > right + 15


def test_nuisance_does_what_it_is_named_for():
    plain = render(WHO, {12: 0.8}, size=96)
    rng = np.random.default_rng
    assert np.abs(np.diff(render(WHO, {12: 0.8}, nuisance=Nuisance(blur=2.0)).image.astype(int), axis=0)).mean() < (
        0.7 * np.abs(np.diff(plain.image.astype(int), axis=0)).mean()
    )
    noisy = render(WHO, {12: 0.8}, nuisance=Nuisance(noise=8.0)).image.astype(float) - plain.image
    assert 5 < noisy.std() < 12
    assert render(WHO, {}, nuisance=Nuisance(exposure=0.6)).image.mean() < 0.75 * render(WHO, {}).image.mean()
    lopsided = render(WHO, {12: 1.0}, nuisance=Nuisance(asymmetry=1.0), rng=rng(3)).landmarks
    assert abs(lopsided[48, 1] - lopsided[54, 1]) > abs(plain.landmarks[48, 1] - plain.landmarks[54, 1]) + 0.5
    small = render(WHO, {}, nuisance=Nuisance(scale=0.7))
    assert small.box[2] == pytest.approx(0.7 * render(WHO, {}).box[2], abs=2)
    covered = render(WHO, {}, nuisance=Nuisance(occlusions=1), rng=rng(5)).image.astype(int)
    assert (np.abs(covered - render(WHO, {}, rng=rng(5)).image).max(-1) > 30).sum() > 100


# --- what comes with the picture ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [24, 48, 97, 200])
def test_face_has_the_size_type_and_box_it_says(size):
    face = random_face("happiness", 5, size=size)
    assert face.image.shape == (size, size, 3) and face.image.dtype == np.uint8
    assert face.landmarks.shape == (68, 2) and face.landmarks.dtype == np.float32
    x, y, w, h = face.box
    low, high = face.landmarks.min(0), face.landmarks.max(0)
    assert x <= low[0] and y <= low[1] and x + w > high[0] and y + h > high[1]
    assert w * h < 1.3 * np.prod(high - low + 2)
    assert face.emotion == "happiness" and face.action_units[12] > 0 and isinstance(face.identity, Identity)


def test_landmarks_scale_with_the_picture():
    small, large = (render(WHO, {12: 0.7}, size=s, pose=(10, 5, 5)).landmarks for s in (96, 192))
    np.testing.assert_allclose((small + 0.5) * 2 - 0.5, large, atol=0.6)


def test_regions_hold_their_landmarks():
    face = render(WHO, {1: 0.5, 12: 0.5}, size=96)
    parts = {"brows": slice(17, 27), "eyes": slice(36, 48), "nose": slice(27, 36), "mouth": slice(48, 68)}
    assert set(face.regions) == set(parts)
    for name, where in parts.items():
        x, y, w, h = face.regions[name]
        m = face.landmarks[where]
        assert (m >= [x, y]).all() and (m < [x + w, y + h]).all()
        mask = face.mask(name)
        assert mask.shape == (96, 96) and mask.dtype == bool
        inside = np.round(m).astype(int)
        assert mask[inside[:, 1], inside[:, 0]].mean() > 0.9
    assert not (face.mask("brows") & face.mask("mouth")).any()
    assert (face.mask("brows", "mouth") == (face.mask("brows") | face.mask("mouth"))).all()
    with pytest.raises(BadInput, match="Unknown region 'ears'.*brows"):
        face.mask("ears")


def test_skin_covers_the_whole_monk_scale():
    def cheek(tone):
        who = Identity.from_seed((0, 4), tone=tone, beard="none", glasses=0, hair_style="crop", freckles=0.0)
        face = render(who, {}, light=Light(strength=0.2))
        x, y = np.round(face.landmarks[[2, 31]].mean(0)).astype(int)
        return face.image[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1))

    grey = [cheek(float(t)).mean() for t in range(10)]
    assert all(a > b for a, b in zip(grey[:-1], grey[1:]))
    assert grey[0] > 165 and grey[9] < 75
    assert all(cheek(float(t))[0] > cheek(float(t))[2] for t in (0, 5, 9))  # redder than blue, in every tone


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_every_hair_style_differs_from_a_shaved_head(style):
    who = [Identity.from_seed((0, 4), hair_style=s, beard="none", moustache=False) for s in (style, "shaved")]
    change = np.abs(render(who[0], {}).image.astype(int) - render(who[1], {}).image).max(-1) > 20
    assert change.sum() > 150 or style == "shaved"
    face = render(who[0], {})
    assert not change[face.mask("eyes", "nose", "mouth")].any() or style in ("headscarf", "fringe", "curls")


def test_identity_is_fixed_by_its_seed():
    assert Identity.from_seed(3) == Identity.from_seed((3,)) != Identity.from_seed(4)
    fixed = Identity.from_seed(3, glasses=2)
    assert fixed.glasses == 2 and fixed.nose_width == Identity.from_seed(3).nose_width
    people = [Identity.from_seed((9, i)) for i in range(200)]
    assert {p.hair_style for p in people} == set(HAIR_STYLES)
    assert len({p.beard for p in people}) == 5 and {p.glasses for p in people} == {0, 1, 2, 3}
    tones = np.histogram([p.tone for p in people], bins=3, range=(0, 9))[0]
    assert tones.min() > 40


# --- emotions and datasets ---------------------------------------------------------------------------------------


def test_units_are_sampled_as_the_table_says():
    rng = np.random.default_rng(0)
    sampled = {e: [sample_units(e, rng) for _ in range(300)] for e in EMOTIONS7}
    share = lambda e, u: np.mean([units.get(u, 0) > 0.26 for units in sampled[e]])  # noqa: E731
    strong = lambda e, u: np.mean([u in units for units in sampled[e]])  # noqa: E731
    assert strong("happiness", 12) == strong("anger", 4) == strong("surprise", 26) == strong("fear", 20) == 1
    assert 0.6 < strong("sadness", 1) < 0.9 and share("happiness", 15) == share("neutral", 4) == 0
    for units in (u for us in sampled.values() for u in us):
        assert all(k in ACTION_UNITS and 0 <= v <= 1 for k, v in units.items())
    assert set(EMOTION_UNITS) == set(EMOTIONS7) and set(DIFFICULTIES) == {"easy", "medium", "hard"}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "user_cache", lambda: folder)
        yield


@pytest.fixture(scope="module")
def data():
    return sample_faces(n_identities=7, per_identity=1, seed=3, size=32)


def test_dataset_has_names_groups_and_disjoint_people(data):
    splits = [data.train, data.validation, data.test]
    assert [len(s) for s in splits] == [35, 7, 7]
    assert all(s.inputs.shape == (len(s), 32, 32, 3) and s.inputs.dtype == np.uint8 for s in splits)
    people = [set(s.groups) for s in splits]
    assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    assert len(set().union(*people)) == 7
    for s in splits:
        assert sorted(set(s.labels)) == sorted(EMOTIONS7.names)
        assert data.label_set.encode(s.labels).tolist() == list(range(7)) * (len(s) // 7)
    assert len({i for s in splits for i in s.ids}) == 49
    assert data.label_set is EMOTIONS7 and "identity" in data.protocol


def test_id_brings_the_picture_back(data):
    for i in (0, 17, 34):
        face = face_from_id(data.train.ids[i], size=32)
        assert (face.image == data.train.inputs[i]).all()
        assert face.emotion == data.train.labels[i]
        assert "-".join(f"{s}" for s in (face.identity.seed[0], f"{face.identity.seed[1]:04d}")) == data.train.groups[i]


def test_grey_pictures_and_processes_change_nothing_else(data):
    grey = sample_faces(n_identities=7, per_identity=1, seed=3, size=32, grey=True, jobs=2)
    assert grey.train.inputs.shape == (35, 32, 32) and grey.train.inputs.dtype == np.uint8
    expected = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in data.train.inputs]
    assert (grey.train.inputs == np.stack(expected)).all()
    assert (grey.test.ids == data.test.ids).all()


def test_another_seed_and_difficulty_give_other_pictures(data):
    other = sample_faces(n_identities=7, per_identity=1, seed=4, size=32)
    assert not (set(other.train.groups) & set(data.train.groups))
    hard, easy = (random_face("fear", 1, WHO, d) for d in ("hard", "easy"))
    assert np.abs(hard.image.astype(int) - easy.image).mean() > 5


def test_same_bytes_in_a_fresh_process():
    code = (
        "import hashlib; from emorec.faces.render import random_face\n"
        "h = hashlib.sha256()\n"
        "for i, e in enumerate(['anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise', 'neutral']):\n"
        "    for d in ('easy', 'medium', 'hard'):\n"
        "        f = random_face(e, (i, 7), difficulty=d); h.update(f.image.tobytes() + f.landmarks.tobytes())\n"
        "print(h.hexdigest())"
    )
    here = hashlib.sha256()
    for i, emotion in enumerate(EMOTIONS7):
        for difficulty in ("easy", "medium", "hard"):
            face = random_face(emotion, (i, 7), difficulty=difficulty)
            here.update(face.image.tobytes() + face.landmarks.tobytes())
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert there.stdout.strip() == here.hexdigest()


def test_portraits_are_clear_and_fixed_by_their_seed():
    sad, angry = (portrait(emotion, 5, WHO) for emotion in ("sadness", "anger"))
    assert sad.image.shape == (96, 96, 3) and sad.emotion == "sadness" and sad.identity is WHO
    assert (sad.image == portrait("sadness", 5, WHO).image).all()
    inner = [height(face.landmarks, [21, 22]) - height(face.landmarks, [17, 26]) for face in (sad, angry)]
    assert inner[0] > 0 > inner[1], "sad brows rise towards the middle, angry ones fall"
    corners = [height(face.landmarks, [48, 54]) - height(face.landmarks, [62, 66]) for face in (sad, angry)]
    assert corners[0] < corners[1] - 1
    for emotion, units in PORTRAIT_UNITS.items():
        assert set(units) <= set(EMOTION_UNITS[emotion]), "a portrait shows nothing that the sampled faces do not"


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.1, 1.2, float("nan")])
def test_intensity_out_of_range(value):
    with pytest.raises(BadInput, match="AU12 must lie in 0 to 1"):
        render(WHO, {12: value})


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="Unknown action unit 3; known: 1, 2, 4"):
        render(WHO, {3: 0.5})
    with pytest.raises(BadInput, match="size must be .* not 8"):
        render(WHO, {}, size=8)
    with pytest.raises(BadInput, match="yaw, pitch, roll"):
        render(WHO, {}, pose=(90, 0, 0))
    with pytest.raises(LabelMismatch, match="Unknown label 'contempt'"):
        random_face("contempt", 0)
    with pytest.raises(BadInput, match="Unknown difficulty 'extreme'; known: easy"):
        random_face("anger", 0, difficulty="extreme")
    with pytest.raises(BadInput, match="At least 3 people"):
        sample_faces(n_identities=2)
    with pytest.raises(BadInput, match="Not the id of a rendered face"):
        face_from_id("fer2013-17")
    with pytest.raises(BadInput, match="Unknown hair_style 'mohawk'"):
        Identity.from_seed(0, hair_style="mohawk")
    with pytest.raises(BadInput, match="tone must lie in 0 to 9"):
        Identity.from_seed(0, tone=12.0)
    with pytest.raises(BadInput, match="no attribute \\['nose'\\]"):
        Identity.from_seed(0, nose=1.0)
