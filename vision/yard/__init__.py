"""A rail as feedstock: graded by a recipe, with what nobody saw, a cut list and its yield."""
