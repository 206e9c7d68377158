"""Other forms of the observation of plan-editing environments, single and vector (in any autoreset mode).

| form | single | vector | what networks take it |
|---|---|---|---|
| one-hot vector | `OneHotObservation` | `OneHotVectorObservation` | MLPs |
| flat vector | `FlatObservation` | `FlatVectorObservation` | MLPs |
| float planes | `PlanesObservation` | `PlanesVectorObservation` | CNNs, by a features extractor of one's own |
| image | `ImageObservation` | `ImageVectorObservation` | SB3's `CnnPolicy` |
| with the action before | `PreviousActionObservation` | `PreviousActionVectorObservation` | `MultiInputPolicy` |

Each carries exactly what the Dict observation says; the image rounds edits left to 1/255 of the budget. SB3's
`check_env` warns of planes, since it takes every box of three dimensions for an image of bytes; its policies read them
as they are.
"""

from trm_envs.wrappers.grids import (
    ImageObservation,
    ImageVectorObservation,
    PlanesObservation,
    PlanesVectorObservation,
    image,
    planes,
)
from trm_envs.wrappers.previous_action import PreviousActionObservation, PreviousActionVectorObservation
from trm_envs.wrappers.vectors import (
    FlatObservation,
    FlatVectorObservation,
    OneHotObservation,
    OneHotVectorObservation,
    flat,
    one_hot,
)

__all__ = [
    "FlatObservation",
    "FlatVectorObservation",
    "ImageObservation",
    "ImageVectorObservation",
    "OneHotObservation",
    "OneHotVectorObservation",
    "PlanesObservation",
    "PlanesVectorObservation",
    "PreviousActionObservation",
    "PreviousActionVectorObservation",
    "flat",
    "image",
    "one_hot",
    "planes",
]
