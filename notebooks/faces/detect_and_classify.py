# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Detect and classify: pictures, folders, films, the camera
#
# <!-- launch -->
#
# **How much is lost between a photograph and the small square that a network reads?** A network for expressions reads one
# face that fills its picture. A photograph shows three people, a wall and a dog. A *detector* has to look for the faces
# first; each face is then turned upright and cut out, in the way in which the faces of the training were cut out.
# This notebook measures what each of these steps is worth. Then it applies the whole chain to a picture, to a folder
# with broken files in it, to a film, to the camera, and to a picture of your own.
#
# The model and the detector come along with the package and learned from photographs. The faces below are rendered, so
# that no photograph of a person has to come along. The numbers show how the chain works; those for photographs are on
# the card of the model.

# %% [markdown]
# ## Set-up

# %% tags=["set-up"]
import glob, importlib.util, os, subprocess, sys

if not getattr(importlib.util.find_spec("emorec"), "origin", None):  # not installed, as on Colab: is it nearby?
    tops = [a + b for a in ("", "/content/", "/content/drive/MyDrive/") for b in ("", "../", "../../", "*/", "*/*/")]
    near = [f for t in tops for n in ("emorec/version.py", "emorec*.whl", "emorec*.zip") for f in glob.glob(t + n)]
    source = [*near, "git+" + os.environ.get("EMOREC_REPOSITORY", "")][0]
    if source.endswith(".py"): sys.path.insert(0, os.path.abspath(source + "/../.."))
    elif subprocess.call([sys.executable, "-m", "pip", "install", "-q", source]): raise ImportError(f"pip cannot install emorec from {source!r}: upload its folder or its wheel here, or set EMOREC_REPOSITORY to its git address")
import emorec; emorec.about(install=True)

# %% [markdown]
# ## Parameters
#
# `face-emotion-small` has a sixth of the size and is a percentage point less accurate. `use_camera` switches the camera on.

# %% tags=["parameters"]
model = "face-emotion"  # @param ["face-emotion", "face-emotion-small"]
use_camera = False  # @param {type:"boolean"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The experiment needs pictures of which it is known where the faces are. Each picture shows three rendered portraits on a
# wall, in different sizes, some of them cut by its edges. Their true boxes reach from the forehead to the chin and from ear
# to ear. The portraits show happiness, surprise or no emotion. The other four expressions are left out, because the
# model knows photographs alone and reads rendered anger or fear as something else.

# %%
import numpy as np

from emorec.faces import render

SHOWN = ("happiness", "surprise", "neutral")
HEIGHT, WIDTH = 300, 630


def wall(number):
    """A picture, uint8 (300, 630, 3), its true boxes from left to right, and the emotions."""
    rng = np.random.default_rng([seed, number])
    picture = np.linspace(150, 90, WIDTH).astype("uint8")[None, :, None] + np.zeros((HEIGHT, 1, 3), "uint8")
    boxes, emotions = [], [str(e) for e in rng.choice(SHOWN, 3)]
    for k, emotion in enumerate(emotions):
        size = int(rng.integers(120, 178))
        face = render.portrait(emotion, (900 + seed, number, k), size=size)
        left, top = 220 * k + int(rng.integers(-16, 38)), int(rng.integers(-10, HEIGHT - size))
        area = [max(0, left), max(0, top), min(WIDTH, left + size), min(HEIGHT, top + size)]
        picture[area[1] : area[3], area[0] : area[2]] = face.image[area[1] - top : area[3] - top, area[0] - left : area[2] - left]
        x, brows, w, h = face.box[0] + left, face.box[1] + top, *face.box[2:]  # the landmarks reach from brows to chin
        x, y, right, bottom = max(0, x), max(0, round(brows - 0.35 * h)), min(WIDTH, x + w), min(HEIGHT, brows + h)
        boxes.append((x, y, right - x, bottom - y))
    return picture, boxes, emotions


# %%
walls = [wall(i) for i in range(4 if fast else 20)]
print(len(walls), "pictures with three faces each")

# %% [markdown]
# ## Look at it
#
# `emorec.faces.detect` returns boxes `(x, y, w, h)`, from left to right; for an empty wall the list is empty. The dashed
# white boxes are the true ones, the orange ones are those of the detector, and the title gives what the faces show.

# %%
import matplotlib.pyplot as plt

from emorec import plots
from emorec.faces import video

figure, axes = plt.subplots(2, 1, figsize=(7.6, 8), layout="constrained")
for ax, (picture, boxes, emotions) in zip(axes, walls):
    ax.imshow(picture)
    for some, look in ((boxes, {"ec": "white", "ls": "--"}), (emorec.faces.detect(picture), {"ec": plots.ORANGE})):
        for x, y, w, h in some:
            ax.add_patch(plt.Rectangle((x, y), w, h, fill=False, lw=2, **look))
    ax.set_title(", ".join(emotions))
    ax.set_axis_off()
print("faces on an empty wall:", emorec.faces.detect(np.full((HEIGHT, WIDTH, 3), 120, "uint8")))

# %% [markdown]
# ## Model
#
# The model is a file of the package. It is saved together with a description of the picture that it expects: 48 grey
# pixels to a side, the face turned upright by the eyes, and a certain margin around it. The detector finds five points
# (eyes, nose, corners of the mouth). The centre of the crop lies in the middle between eyes and mouth. Its size follows
# from a length $\ell$, the distance of the eyes added to the distance from eyes to mouth, which hardly changes when a
# head turns. The square that is cut has the edge
#
# $$e = 1.1\,(1 + 2m)\,\ell$$
#
# with the margin $m = 0.1$, which was measured on FER-2013. Where the square reaches beyond the picture, the border of the
# picture is continued, so that faces there are neither lost nor stretched.

# %%
classifier = emorec.load(model)
print(classifier.encoding_, end="\n\n")
print(emorec.pretrained.card(model))

# %% [markdown]
# ## Evaluate
#
# ### How many faces are detected, and read?
#
# A box is a hit if the area that it shares with a true box is at least 40 % of the area that both cover together
# (*intersection over union*). *Recall* is the share of the true faces that were hit, and *precision* the share of the boxes
# that hit one. A face that was not detected counts as read wrongly. The intervals are Wilson's, at 95 %.

# %%
from emorec import metrics

hits, right, n_boxes = [], [], 0
for picture, boxes, emotions in walls:
    table = classifier.predict_faces(picture)
    n_boxes += len(table)
    for box, emotion in zip(boxes, emotions):
        overlap = [video.iou(other, box) for other in table[list("xywh")].to_numpy().tolist()]
        hit = bool(overlap) and max(overlap) >= 0.4
        hits.append(hit)
        right.append(hit and table["label"][int(np.argmax(overlap))] == emotion)


# %%
def share(wins, n):
    """A share and its 95 % interval (Wilson)."""
    low, high = metrics.wilson_interval(int(wins), n)
    return wins / n, min(low, wins / n), max(high, wins / n)


recall, precision = share(sum(hits), len(hits)), share(sum(hits), max(1, n_boxes))
accuracy = share(sum(right), len(right))
for name, value in (("recall", recall), ("precision", precision), ("detected and read correctly", accuracy)):
    print(f"{name:29}{emorec.reporting.show(value)}")

# %% [markdown]
# ### What is it worth to turn a face upright?
#
# A network that learned from upright faces reads a tilted mouth as another mouth. The same portraits are turned step by
# step. Each is detected and then cut out in two ways: turned upright by its eyes, as `predict_faces` does it, and by its
# box alone, as it is done with boxes that come from elsewhere. A face that is not detected counts as an error for both.

# %%
import cv2


def turned(face, degrees):
    """A portrait on a wall, the whole picture turned: uint8 (280, 280, 3)."""
    picture = cv2.copyMakeBorder(face, 80, 80, 80, 80, cv2.BORDER_REPLICATE)
    matrix = cv2.getRotationMatrix2D((139.5, 139.5), degrees, 1)
    return cv2.warpAffine(picture, matrix, (280, 280), borderMode=cv2.BORDER_REPLICATE)


def surest(table, emotion):
    """Whether the face with the highest score is read as the emotion, and its box, or None."""
    best = table.sort_values("score").tail(1)
    return (best["label"] == emotion).any(), best[list("xywh")].to_numpy() if len(best) else None


angles = [-45, 0, 45] if fast else [-60, -45, -30, -15, 0, 15, 30, 45, 60]
people = [(SHOWN[k % 3], render.portrait(SHOWN[k % 3], (950 + seed, k), size=120).image) for k in range(3 if fast else 9)]

# %%
by_eyes, by_box, crops = np.zeros((len(angles), len(people))), np.zeros((len(angles), len(people))), {}
for i, degrees in enumerate(angles):
    for k, (emotion, face) in enumerate(people):
        picture = turned(face, degrees)
        by_eyes[i, k], box = surest(classifier.predict_faces(picture), emotion)
        if box is not None:
            by_box[i, k] = classifier.predict_faces(picture, detect=box)["label"][0] == emotion
        if degrees == 45 and box is not None and not crops:
            crops = {"tilted by 45°": picture, "cut by its box": classifier.encode(picture, detect=box.tolist())[0],
                     "turned upright by the eyes": classifier.encode(picture, detect="auto")[0]}  # fmt: skip

# %% [markdown]
# The main figure shows the two crops of one tilted face, and the share of the faces that are read correctly at each tilt.

# %%
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained", width_ratios=(1, 1, 1, 1.9))
for ax, (name, picture) in zip(axes, crops.items()):
    ax.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
    ax.set_title(name, fontsize=11)
    ax.set_axis_off()
for rows, name, marker, colour in ((by_eyes, "turned upright by the eyes", "o", plots.BLUE), (by_box, "cut by its box", "s", plots.ORANGE)):
    axes[3].plot(angles, 100 * rows.mean(axis=1), marker=marker, color=colour, label=name)
axes[3].set(xlabel="tilt (degrees)", ylabel="read correctly (%)", ylim=(0, 105), xticks=angles, title=f"{len(people)} rendered faces, tilted")
axes[3].grid(color="0.9")
axes[3].legend(frameon=False, loc="lower center")
axes[3].spines[["top", "right"]].set_visible(False)

# %% [markdown]
# The same was measured on photographs with the models that come along. Pictures of FER-2013's PrivateTest, 300 of them, were
# turned by 45 degrees to either side on a textured canvas, and the table counts the 241 in which the detector of this notebook
# (the library `mtcnn`) detects the face. Turned upright by the eyes, they are read at most five points worse than before they
# were tilted; cut by their boxes, they are read more than twenty points worse.
#
# <!-- results: face-tilt -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | runs |
# |---|---|---|---|---|
# | fer2013 | face-emotion-fer2013: turned, by the box | 46.0 [40.2, 52.3] | 34.2 [28.5, 40.4] | 1 |
# | fer2013 | face-emotion-fer2013: turned, by the eyes | 67.8 [61.9, 73.6] | 55.4 [49.6, 64.0] | 1 |
# | fer2013 | face-emotion-fer2013: upright, as it is | 72.4 [66.5, 77.8] | 66.4 [54.7, 75.6] | 1 |
# | ferplus, 7 classes | face-emotion-small: turned, by the box | 64.7 [58.9, 70.5] | 36.3 [30.8, 46.9] | 1 |
# | ferplus, 7 classes | face-emotion: turned, by the box | 66.4 [60.6, 72.2] | 39.0 [33.4, 50.3] | 1 |
# | ferplus, 7 classes | face-emotion-small: upright, as it is | 86.3 [81.7, 90.5] | 63.7 [56.8, 80.3] | 1 |
# | ferplus, 7 classes | face-emotion-small: turned, by the eyes | 86.7 [82.6, 90.9] | 67.1 [58.5, 84.9] | 1 |
# | ferplus, 7 classes | face-emotion: turned, by the eyes | 87.1 [83.0, 91.3] | 70.3 [61.9, 87.6] | 1 |
# | ferplus, 7 classes | face-emotion: upright, as it is | 89.6 [85.5, 93.4] | 69.9 [61.3, 88.0] | 1 |
#
# 300 pictures of PrivateTest, turned by 45 degrees to either side on a textured canvas; read are those in which mtcnn detects a face, one view each.
# <!-- /results -->
#
# ### What if nobody looks for faces?
#
# Here the whole wall is read as if it were one face. The network answers all the same, because a softmax has no way to say
# that there is no face. The classifier notices that the picture is much larger than those it knows, and warns.

# %%
import warnings

with warnings.catch_warnings(record=True) as notices:
    warnings.simplefilter("always")
    answer = classifier.predict_proba([walls[0][0]])[0]
print(f"{classifier.label_set_.names[answer.argmax()]}, {100 * answer.max():.0f} %")
print("Notice:", notices[-1].message if notices else "none")

# %% [markdown]
# ## Explain
#
# *Occlusion* moves a grey square over the face and records how far the probability of the answer falls. Bright places are
# those whose covering costs most. (`method="grad-cam"` is faster and coarser.)

# %%
picture, boxes, emotions = walls[1]
print("true label:", emotions[0])
classifier.explain(picture, method="occlusion", detect=[boxes[0]])

# %% [markdown]
# ## A picture
#
# The table has a row for every face, from left to right: its box, how sure the detector is, the answer and all
# probabilities. The annotated picture can also be written to a file.

# %%
work = emorec.reporting.work_folder()
plots.images([classifier.annotate(picture, output=work / "annotated.png")], size=7.6)
classifier.predict_faces(picture).round(2)

# %% [markdown]
# ## A folder
#
# Folders of real pictures also hold files that are no pictures. Here are three walls, a text with the name of a JPEG, a JPEG
# that was cut off half-way, and a picture without a face. Put the path of a folder of your own into `my_folder`.

# %%
from pathlib import Path

from PIL import Image

my_folder = None  # a path on this computer, e.g. "holiday"; None takes the rendered pictures
folder = work / "folder" if my_folder is None else Path(my_folder)
if my_folder is None:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(3):
        Image.fromarray(walls[k][0]).save(folder / f"wall-{k}.jpg", quality=95)
    Image.fromarray(np.full((120, 140), 128, "uint8")).save(folder / "empty.png")
    (folder / "letter.jpg").write_text("Dear reader, this is no picture.")
    (folder / "torn.jpg").write_bytes((folder / "wall-0.jpg").read_bytes()[:900])

# %% [markdown]
# Every file is in the table or in the list of those that were skipped, with the reason.

# %%
table, skipped = classifier.predict_folder(folder)
for file, why in skipped:
    print(f"skipped {Path(file).name}: {why.partition('.jpg ')[2] or why}")
table[["file", "x", "y", "w", "h", "score", "label", "confidence"]].round(2)

# %% [markdown]
# ## A film
#
# The film shows somebody who is neutral, smiles, stops, and is surprised. Single frames are read with errors, so the
# classifier follows each face by the overlap of its boxes and smooths its probabilities over time. With $p_t$ the
# probabilities of frame $t$ and $s_t$ the smoothed ones,
#
# $$s_t = \alpha\, s_{t-1} + (1 - \alpha)\, p_t , \qquad \alpha = 0.6 .$$

# %%
my_film = None  # a path on this computer, e.g. "party.mp4"; None renders a film
person = render.Identity.from_seed((901 + seed, 0), glasses=0)
SMILE, GASP = {6: 0.8, 12: 0.9, 25: 0.75}, {1: 0.9, 2: 1.0, 5: 0.8, 25: 0.8, 26: 1.0}
acts = [({}, {}), ({}, SMILE), (SMILE, {}), ({}, GASP)]


def frame(t):
    """The face at act t, e.g. 1.5: half-way into a smile; a little noise, as from a camera."""
    start, end = acts[int(t)]
    part = min(1.0, 1.6 * (t % 1))
    units = {u: (1 - part) * start.get(u, 0.0) + part * end.get(u, 0.0) for u in {*start, *end}}
    look = render.Nuisance(noise=4, scale=0.9)
    return render.render(person, units, size=160, nuisance=look, rng=np.random.default_rng(int(99 * t))).image


if my_film is None:
    film = video.VideoFile(work / "film.avi", rate=10)
    for t in np.arange(0, 4, 0.5 if fast else 0.1):
        film.add(frame(t))
    film.close()
path = work / "film.avi" if my_film is None else my_film

# %% [markdown]
# The table has a row for every face in every frame; six of the rows are shown. Times are those of the file, also where its
# frame rate varies. A film that was cut off is read as far as it goes, with a notice. The annotated film is written
# beside it.

# %%
raw = classifier.predict_video(path, smoothing=0)
smooth = classifier.predict_video(path, output=work / "film-annotated.avi")
smooth[["frame", "seconds", "face", "x", "y", "w", "h", "score", "label", "confidence"]].iloc[:: max(1, len(smooth) // 6)].round(2)

# %% [markdown]
# In the figure the dots are single frames. The smoothed lines jump less, and they follow a change some frames later. Three
# frames of the annotated film stand below.

# %%
figure, ax = plt.subplots(figsize=(9, 3.4), layout="constrained")
for name, colour in (("happiness", plots.ORANGE), ("surprise", plots.BLUE), ("neutral", plots.GREEN)):
    ax.plot(raw["seconds"], 100 * raw[name], ".", color=colour, alpha=0.5)
    ax.plot(smooth["seconds"], 100 * smooth[name], color=colour, lw=2, label=name)
ax.set(xlabel="time (s)", ylabel="probability (%)", ylim=(0, 100), title="A film: each frame (dots) and smoothed (lines)")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.spines[["top", "right"]].set_visible(False)
frames = list(video.VideoFrames(work / "film-annotated.avi"))
plots.images([frames[int(k)] for k in np.linspace(0.2, 0.97, 3) * (len(frames) - 1)], size=2.2);

# %% [markdown]
# ## The camera
#
# With `use_camera` on, a window shows your face with its answer until you press q. On Colab the camera is in the
# browser: a button takes one photograph. Nothing leaves the computer that runs this notebook, and nothing is kept. Do
# not use it on people who have not agreed; at work and in schools the EU forbids emotion recognition (AI Act, Art. 5).

# %%
if use_camera:
    plots.images([classifier.webcam()], size=4.6)
else:
    print("The camera stays off: set use_camera = True above to try it.")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: name a picture and run this one cell. It may hold any number of faces. As built, it reads a rendered
# wall, whose true labels are printed first.

# %% tags=["user-input"]
test_image = None  # a path on this computer, e.g. "party.jpg", a web picture's bytes, or an array; None takes a rendered wall
mine = walls[2][0] if test_image is None else test_image
print("true labels:", ", ".join(walls[2][2]) if test_image is None else "yours to say")
plots.images([classifier.annotate(mine)], size=7.6)
classifier.predict_faces(mine).round(2)

# %% [markdown]
# ## Results

# %% tags=["results"]
tilted = np.abs(angles) == 45
emorec.reporting.publish(
    {
        "faces detected, recall": recall,
        "faces detected, precision": precision,
        "detected and read correctly": accuracy,
        "tilted by 45 degrees, turned upright": share(int(by_eyes[tilted].sum()), by_eyes[tilted].size),
        "tilted by 45 degrees, cut by the box": share(int(by_box[tilted].sum()), by_box[tilted].size),
    }
)

# %% [markdown]
# ### What was learnt
#
# The detector finds 57 of the 60 faces, also some that are cut by the edge of a wall, and none of its boxes is false; 56 of
# them are read correctly. With the heads tilted by 45 degrees, the network reads all 18 portraits that are turned upright by
# the eyes, and 13 of those that are cut out by their boxes. So a crop belongs to a model as much as
# its weights do: what is cut, at which size and which way up is saved with it here. Smoothing makes a film readable and
# delays its answers; with $\alpha = 0.6$ the delay is about two frames.
#
# Rendered portraits on a plain wall are easy to detect, and three clear expressions are easy to read. The card above has
# the numbers for photographs, class by class; there disgust and fear are read correctly less than half of the time. And
# an expression is not a feeling.
#
# ### Exercises
#
# 1. None of the detector's boxes was false. How large may the share of false boxes still be in pictures like these?
#    <details><summary>Solution</summary>The interval of the precision gives the answer: with about sixty boxes and no false
#    one its lower end is near 94 %, so up to six boxes in a hundred may be false. Without an error among n boxes, a share
#    of 3/n is still compatible with what was seen.</details>
# 2. Make the faces smaller until the detector misses them. At which size does that happen?
#    <details><summary>Solution</summary>For <code>edge</code> in 96, 48, 32 and 24: <code>small =
#    cv2.resize(people[0][1], (edge, edge), interpolation=cv2.INTER_AREA)</code>, then <code>emorec.faces.detect(
#    cv2.copyMakeBorder(small, 99, 99, 99, 99, cv2.BORDER_REPLICATE))</code>. The portraits of 32 pixels are still
#    detected, whose faces have about twenty, and those of 24 are not. A face of so few pixels holds little of an
#    expression anyway.</details>
# 3. Read the film with `smoothing=0.9`. How late is the answer, and what happens to a smile of half a second?
#    <details><summary>Solution</summary>After $k$ frames the weight of what was before is $0.9^k$. It falls below one half
#    after seven frames, which are 0.7 seconds here, so a smile of half a second never becomes the answer.</details>
#
# ### Where to go on
#
# [cnn](cnn.ipynb) shows how such a network is trained, [cross_dataset](cross_dataset.ipynb) what it loses on other
# pictures, and [film_clip](../multimodal/film_clip.ipynb) adds voice and words to a film. The functions are described in
# [emorec.faces](../../docs/api/faces.md).
