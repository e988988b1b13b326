"""Work that takes turns of a reactor: requests as Deferreds, answers that come later, timers."""
