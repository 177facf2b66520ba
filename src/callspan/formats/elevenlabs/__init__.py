"""ElevenLabs' formats."""
