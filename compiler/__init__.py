"""From four specs to a running platform: source → parse → link → ir → emit → writer."""
