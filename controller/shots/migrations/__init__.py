"""How a catalogue gets from one schema to the next; run by ``catalogue_store`` at opening."""
