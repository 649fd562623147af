"""Face models: shapes, scaling inside, a transformer that is the identity and learns, files, Grad-CAM, AC-GAN."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT

from emorec import training
from emorec.errors import BadInput, DataMissing
from emorec.faces import explain, models
from emorec.faces.layers import AffineSampling, ImageNetScaling, SelfAttention2D, Standardise
from emorec.faces.models import BACKBONES, FACE_MODELS, build_face_model, fine_tune, multiply_adds
from emorec.faces.render import random_face

SMALL = [name for name in FACE_MODELS if name not in BACKBONES]


def numpy(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def pictures(n=4, size=48, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels)).astype("uint8")


# --- layers


def test_standardise_by_hand_whatever_the_range():
    x = np.array([1.0, 3.0, 5.0, 7.0], dtype="float32").reshape(1, 2, 2, 1)
    expected = (x - 4) / np.sqrt(5)
    assert np.allclose(numpy(Standardise()(x)), expected, atol=1e-6)
    assert np.allclose(numpy(Standardise()(30 * x + 7)), expected, atol=1e-5)
    assert np.array_equal(numpy(Standardise()(np.full((1, 4, 4, 3), 9.0))), np.zeros((1, 4, 4, 3)))
    noise = np.random.default_rng(0).random((1, 96, 96, 3)) * 255
    half = numpy(Standardise(dtype="mixed_float16")(noise))
    assert half.dtype == np.float16 and np.allclose(half, numpy(Standardise()(noise)), atol=0.01)


def test_imagenet_scaling_is_that_of_keras_applications():
    x = pictures(2, channels=3).astype("float32")
    assert np.allclose(numpy(ImageNetScaling("caffe")(x)), keras.applications.vgg16.preprocess_input(x.copy()))
    assert np.allclose(
        numpy(ImageNetScaling("tf")(x)), keras.applications.inception_v3.preprocess_input(x.copy()), atol=1e-6
    )
    grey = numpy(ImageNetScaling("tf")(x[..., :1]))
    assert grey.shape == (2, 48, 48, 3) and np.array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("channels", [1, 3])
def test_sampling_is_the_identity_at_zero_and_moves_as_asked(channels):
    x = pictures(3, 9, channels).astype("float32")
    layer = AffineSampling()
    assert np.array_equal(numpy(layer([x, np.zeros((3, 6))])), x)
    step = 2 / 8  # positions run from -1 to 1 over nine pixels
    right = np.tile([0, 0, 2 * step, 0, 0, 0], (3, 1))
    moved = numpy(layer([x, right]))
    assert np.allclose(moved[:, :, :-2], x[:, :, 2:], atol=1e-3) and np.allclose(
        moved[:, :, -1], x[:, :, -1], atol=1e-3
    )
    down = numpy(layer([x, np.tile([0, 0, 0, 0, 0, 0.5 * step], (3, 1))]))
    assert np.allclose(down[:, :-1], (x[:, :-1] + x[:, 1:]) / 2, atol=1e-2)
    mirrored = numpy(layer([x, np.tile([-2, 0, 0, 0, 0, 0], (3, 1))]))
    assert np.allclose(mirrored, x[:, :, ::-1], atol=1e-2)
    turned = numpy(layer([x, np.tile([-1, 1, 0, -1, -1, 0], (3, 1))]))  # x reads y, y reads -x
    assert np.allclose(turned, np.rot90(x, -1, axes=(1, 2)), atol=1e-2)
    other = numpy(layer([x, np.stack([right[0], 0 * right[0], right[0]])]))
    assert np.array_equal(other[1], x[1]) and np.allclose(other[2], moved[2]), "each picture has its own transform"


def test_the_transform_learns():
    """A picture is moved back to where it came from: its transform must have a gradient."""
    target = keras.ops.convert_to_numpy(keras.ops.image.resize(pictures(1, 6).astype("float32"), (24, 24))) / 255
    moved = np.roll(target, 2, axis=2)
    offsets, images = keras.Input((1,)), keras.Input((24, 24, 1))
    transform = keras.layers.Dense(6, kernel_initializer="zeros", use_bias=False)(offsets)
    model = keras.Model([images, offsets], AffineSampling()([images, transform]))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    inputs = [moved, np.ones((1, 1), dtype="float32")]
    before = model.evaluate(inputs, target, verbose=0)
    for _ in range(60):
        model.train_on_batch(inputs, target)
    assert model.evaluate(inputs, target, verbose=0) < 0.3 * before
    assert numpy(model.trainable_weights[0])[0, 2] == pytest.approx(2 * 2 / 23, abs=0.06)


def test_attention_on_maps_sums_to_one_and_knows_places():
    layer, x = SelfAttention2D(8, heads=2), np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    maps, weights = layer(x, return_attention_scores=True)
    assert maps.shape == (2, 3, 4, 5) and weights.shape == (2, 2, 12, 12)
    assert np.allclose(numpy(weights).sum(axis=-1), 1, atol=1e-5)
    layer.rows.assign(np.random.default_rng(1).normal(size=layer.rows.shape))
    same = numpy(layer(np.zeros((1, 3, 4, 5), dtype="float32")))
    assert np.abs(same[0, 0] - same[0, 1]).max() > 1e-3, "equal features in different rows must differ"


# --- models


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_small_models_learn_survive_a_file_and_carry_their_scaling(name, tmp_path):
    keras.utils.set_random_seed(0)
    size = 24 if name in ("vgg", "resnet", "mini-xception", "lenet") else 32
    model = build_face_model(name, (size, size, 1), classes=3, width=4, dropout=0.0)
    x = pictures(24, size)
    y = np.eye(3, dtype="float32")[np.arange(24) % 3]
    for i in range(24):  # a bright bar in the top, the middle or the bottom third
        x[i, i % 3 * size // 3 : (i % 3 + 1) * size // 3] = 255
    logits = training.predict(model, x)
    assert logits.shape == (24, 3) and model.output.dtype == "float32" and model.layers[-1].name == "logits"
    assert np.allclose(logits, training.predict(model, x.astype("float32") / 255), atol=1e-3), "the range drops out"
    many = np.tile(x, (6, 1, 1, 1)), np.tile(y, (6, 1))
    history = training.fit(model, many, epochs=2, batch_size=8, learning_rate=0.004, progress=None)
    assert history["loss"][-1] < 0.6, "far below the chance level, log 3 = 1.1"
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert np.array_equal(training.predict(again, x), training.predict(model, x))


def test_sizes_are_those_of_the_papers():
    assert build_face_model("vgg").count_params() == pytest.approx(1.18e6, rel=0.01)
    assert build_face_model("mini-xception").count_params() == pytest.approx(58_423 - 7_160, rel=0.001)
    lenet = build_face_model("lenet", (28, 28, 1), classes=10)
    assert lenet.get_layer("logits").kernel.shape == (84, 10)
    tiny = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    tiny.add(keras.layers.Dense(5))
    assert multiply_adds(tiny) == 6 * 6 * 9 * 2 + 72 * 5


def test_deep_emotion_starts_as_the_identity_and_its_transform_is_trained():
    keras.utils.set_random_seed(0)
    model = build_face_model("deep-emotion", width=4)
    warped = keras.Model(model.input, model.get_layer("warped").output)
    x = pictures(2)
    assert np.array_equal(training.predict(warped, x), numpy(model.get_layer("standardise")(x.astype("float32"))))
    training.fit(model, (pictures(16), np.eye(7, dtype="float32")[np.arange(16) % 7]), epochs=2, progress=None)
    assert np.abs(numpy(model.get_layer("transform").kernel)).max() > 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(name="vgg19"), "choose one of lenet, vgg"),
        (dict(input_shape=(48, 48, 2)), "1 or 3"),
        (dict(input_shape=(16, 16, 1)), "at least 24"),
        (dict(classes=1), "classes=1"),
        (dict(dropout=1.0), "dropout=1.0"),
        (dict(name="vgg16", weights=None, backbone_size=40), "below 75"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(BadInput, match=words):
        build_face_model(**arguments)


# --- transfer learning


def tiny_backbone(**options):
    """A stand-in for a network of keras.applications, with their arguments."""
    keras.utils.set_random_seed(3)
    image = keras.Input(options["input_shape"])
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="deep")(x)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name=options["name"])


@pytest.fixture
def backbone(monkeypatch):
    monkeypatch.setattr(keras.applications, "ResNet50", tiny_backbone)


def test_a_backbone_is_frozen_then_tuned_and_its_normalisation_stands_still(backbone):
    model = build_face_model("resnet50", (48, 48, 1), classes=3)
    inner = model.get_layer("backbone")
    assert inner.input.shape[1:] == (75, 75, 3) and not inner.trainable_weights
    assert len(model.trainable_weights) == 2, "only the logits learn"
    x, y = pictures(16), np.eye(3, dtype="float32")[np.arange(16) % 3]
    training.fit(model, (x, y), epochs=1, progress=None)
    norm, convolution = inner.layers[2], inner.layers[3]
    still, before = [w.copy() for w in norm.get_weights()], convolution.get_weights()[0].copy()
    count = fine_tune(model)
    assert count == 4 * 28 + 6 * 37 + 7 * 3
    training.fit(model, (x, y), epochs=2, learning_rate=0.01, progress=None)
    assert all(np.array_equal(a, b) for a, b in zip(still, norm.get_weights()))
    assert np.abs(convolution.get_weights()[0] - before).max() > 1e-4
    assert fine_tune(model, last=2) == 6 * 37 + 7 * 3
    with pytest.raises(BadInput, match="no backbone"):
        fine_tune(build_face_model("lenet"))


def test_offline_the_way_out_is_named(monkeypatch):
    def refuse(**options):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    with pytest.raises(DataMissing, match="weights=None"):
        build_face_model("inception-v3")


@pytest.mark.parametrize("name", ["vgg16"])
def test_a_real_backbone_gives_logits_and_a_heat_map(name):
    model = build_face_model(name, (48, 48, 1), classes=7, weights=None)
    x = pictures(1)
    assert training.predict(model, x).shape == (1, 7)
    assert explain.grad_cam(model, x, [2]).shape == (1, 48, 48)


# --- Grad-CAM, occlusion, attention


def linear_in_a_corner(nested=False):
    """Logit 0 grows with the top left quarter of the picture, logit 1 falls with it."""
    image = keras.Input((24, 24, 1))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")
    pool = keras.layers.GlobalAveragePooling2D()
    corner = np.zeros((1, 24, 24, 1), dtype="float32")
    corner[:, :12, :12] = 1
    logits = keras.layers.Dense(2, use_bias=False, name="logits")
    if nested:
        inside = keras.Input((24, 24, 1))
        inner = keras.Model(inside, pool(maps(inside)), name="backbone")
        model = keras.Model(image, logits(inner(keras.layers.Rescaling(1.0)(image))))
    else:
        model = keras.Model(image, logits(pool(maps(image))))
    model.get_layer("logits").set_weights([np.array([[1.0, -1.0]])])
    return model, corner


@pytest.mark.parametrize("nested", [False, True])
def test_grad_cam_by_hand(nested):
    model, corner = linear_in_a_corner(nested)
    heat = explain.grad_cam(model, corner, [0])
    assert np.allclose(heat[0], corner[0, ..., 0]), "the maps where they are, since their weight is 1 / 576"
    assert np.array_equal(explain.grad_cam(model, corner, [1]), np.zeros((1, 24, 24))), "they speak against class 1"
    assert np.allclose(explain.grad_cam(model, corner, [0], layer="maps"), heat)
    assert explain.grad_cam(model, np.concatenate([corner] * 3), [0, 1, 0]).max(axis=(1, 2)).tolist() == [1, 0, 1]
    with pytest.raises(BadInput, match="no layer 'conv9'"):
        explain.grad_cam(model, corner, [0], layer="conv9")


def test_grad_cam_follows_new_weights():
    model, corner = linear_in_a_corner()
    explain.grad_cam(model, corner, [0])
    model.get_layer("logits").set_weights([np.array([[-1.0, 1.0]])])
    assert explain.grad_cam(model, corner, [0]).max() == 0 and explain.grad_cam(model, corner, [1]).max() == 1


@pytest.mark.parametrize("name", SMALL)
def test_grad_cam_works_on_every_model(name):
    keras.utils.set_random_seed(0)
    model = build_face_model(name, (48, 48, 1), classes=3, width=4)
    heat = explain.grad_cam(model, pictures(2), [0, 1])
    assert heat.shape == (2, 48, 48) and np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1
    if name == "attention-cnn":
        looked = explain.attention_map(model, pictures(2))
        assert explain.attention_map(model, pictures(2)[:0]).shape == (0, *looked.shape[1:])
        assert looked.shape == (2, 48, 48) and np.allclose(looked.max(axis=(1, 2)), 1)


def test_occlusion_finds_the_place_that_matters():
    def predict(x):  # class 0 by the brightness of the top left quarter
        p = x[:, :12, :12].mean(axis=(1, 2, 3)) / 255
        return np.stack([p, 1 - p], axis=1)

    image = np.zeros((1, 24, 24, 1), dtype="uint8")
    image[:, :12, :12] = 200
    heat = explain.occlusion(predict, image, [0], patch=6, stride=6)[0]
    cost = (200 - 50) / 255 / 4  # a quarter of the corner becomes the mean, 50
    assert np.allclose(heat[:12, :12], cost, atol=1e-6) and np.allclose(heat[12:], 0)
    assert np.allclose(explain.occlusion(predict, image, [1], patch=6, stride=6)[0], -heat)
    for stride in (5, 9):
        heat = explain.occlusion(predict, image, [0], patch=7, stride=stride)
        assert np.isfinite(heat).all(), "every pixel is covered"


def test_region_scores_by_hand():
    heats = np.zeros((3, 4, 4))
    heats[0, 0, 0], heats[0, 3, 3] = 3, 1
    heats[1, 3, 3], heats[1, 0, 0] = 1, -5
    mask = np.zeros((3, 4, 4), dtype=bool)
    mask[:, :2, :2] = True
    table = explain.region_scores(heats, {"top": mask, "all": np.ones_like(mask)})
    assert table.loc["top"].tolist() == pytest.approx([0.25, 0.375, 1.5, 0.5, 2]), "the third has no heat"
    assert table.loc["all", "lift"] == pytest.approx(1)
    with pytest.raises(BadInput, match="shape"):
        explain.region_scores(heats, {"top": mask[:2]})


def test_active_regions_are_those_of_the_action_units():
    happy = random_face("happiness", 3, difficulty="easy")
    expected = happy.mask("mouth") | (happy.action_units.get(6, 0) >= 0.5) * happy.mask("eyes")
    assert np.array_equal(explain.active_mask(happy, 0.5), expected)
    assert not explain.active_mask(random_face("neutral", 3, difficulty="easy")).any()


def test_the_overlay_colours_what_speaks_for_the_target():
    heat = np.full((8, 8), -1.0)
    heat[2, 3] = 0.5
    explanation = explain.FaceExplanation(
        np.full((8, 8), 90, "uint8"), heat, "a", {"a": 0.7, "b": 0.3}, "a", "occlusion"
    )
    over = explanation.overlay()
    assert over.shape == (8, 8, 3) and (over[0, 0] == 90).all() and (over[2, 3] != 90).any()
    assert explanation._repr_png_()[:4] == b"\x89PNG"


def test_models_run_on_another_backend():
    """The layers and a training step on JAX, where it is installed."""
    code = (
        "import numpy as np, keras\n"
        "from emorec import training\n"
        "from emorec.faces import explain\n"
        "from emorec.faces.models import build_face_model\n"
        "x = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 1)).astype('uint8')\n"
        "y = np.eye(3, dtype='float32')[np.arange(8) % 3]\n"
        "m = build_face_model('vgg', (24, 24, 1), 3, width=2)\n"
        "training.fit(m, (x, y), epochs=1, batch_size=8, progress=None)\n"
        "print(keras.backend.backend(), explain.grad_cam(m, x[:1], [0]).shape)\n"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    if subprocess.run([sys.executable, "-c", "import jax"], capture_output=True).returncode:
        pytest.skip("jax is not installed")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert "jax (1, 24, 24)" in done.stdout, done.stderr[-2000:]


def test_momentum_suits_small_sets():
    layers = [x for x in build_face_model("resnet", width=4).layers if isinstance(x, keras.layers.BatchNormalization)]
    assert layers and {layer.momentum for layer in layers} == {models.MOMENTUM} and models.MOMENTUM <= 0.9
