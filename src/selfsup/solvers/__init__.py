"""Ways to solve the problem a method declares: gradient descent, its closed form, or the threads of the word vectors."""
