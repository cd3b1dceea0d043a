"""From cameras and videos to people, skeletons and snippets."""
