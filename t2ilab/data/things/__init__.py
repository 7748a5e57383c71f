"""How each thing of the world is drawn, one short function each."""

from t2ilab.data.things.animals import ANIMALS
from t2ilab.data.things.figure import Draw, Figure, Paint
from t2ilab.data.things.nature import NATURE
from t2ilab.data.things.objects import OBJECTS
from t2ilab.data.things.people import PEOPLE
from t2ilab.data.things.shapes import SHAPES
from t2ilab.data.things.vehicles import VEHICLES

DRAWN: dict[str, Draw] = {**ANIMALS, **PEOPLE, **NATURE, **VEHICLES, **OBJECTS}

__all__ = ["DRAWN", "SHAPES", "Draw", "Figure", "Paint"]
