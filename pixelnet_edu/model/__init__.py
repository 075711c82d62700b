"""The model: images to feature maps, maps to hypercolumns at points, those to outputs. Open `hypercolumns` first."""
