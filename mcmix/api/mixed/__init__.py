"""Tables of columns of different kinds: what each column holds, its numbers, its distribution, and the model of all."""
