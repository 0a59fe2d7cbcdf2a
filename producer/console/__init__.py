"""The console: pages for those who review and those who operate. Server-rendered; what happens, happens elsewhere."""
