"""Cells of the exercise's notebook: tasks, calls of `check_net`, and questions to answer."""


def text(source):
    """Return the type and the source of a cell."""
    return "markdown", source.strip("\n")


def code(source):
    """Return the type and the source of a cell."""
    return "code", source.strip("\n")


def task(functions, advice=""):
    """Return a cell that says which functions to write now."""
    return text(f"""
**Now write {functions}.** {advice}

Then restart the kernel and run the cells up to here (in JupyterLab: menu *Run*, *Restart Kernel and
Run up to Selected Cell*). A running kernel does not notice that a module has changed.
""")


def answer(number):
    """Return a cell for an answer in words."""
    return text(f"*Your answer to question {number}: double-click here and write.*")


START = text("""
# The two-layer net

This is a neural net with one hidden layer in NumPy: the forward pass, the backward pass and the
training loop. **You write the main parts**: seven functions, one after the other. We test them on
five toy points. Then we train the net on the photographs of CIFAR-10, see why the first attempt is
poor, and search for better hyperparameters. In the end we measure the accuracy of two final nets on
images that no decision has used.

The lab comes from Stanford's course [CS231n](https://cs231n.github.io). "Published" numbers are
those that the notebook of that course prints. The code is in small modules beside this notebook. A
function that is not written yet raises an error. The error says what to write, and in which line of
which file. The docstring says what the function gets and what it returns.

Cells assert what must hold, and `check_net` explains what is wrong. `make test` in a terminal tests
each function and prints its points. Answer the numbered questions in a few words.

N is the number of examples, D of inputs, H of hidden units, C of classes.

## 1. Set-up

The first cell finds the modules. The second imports them. The third sets the sizes that decide how
long this notebook takes. The asserts are for the full sizes and may fail for smaller ones.
""")

SCORES = task("`forward`", "It is the first function in `classifiers/layers.py`.")
CHECK_SCORES = (
    text("""
`check_net` checks a net in the order of work: scores, loss, gradients, update, prediction. It says
what is wrong, and what comes next. Now it should say that the scores are right.
"""),
    code("check_net(net, X_toy, y_toy)"),
)

LOSS = (
    text("""
## 3. Does the loss agree with the published one?

Softmax turns a row of scores into probabilities. The loss is the mean of `-log` of the probability
that each right class gets, plus a penalty on large weights:

    p    = exp(scores) / sum over classes of exp(scores)
    loss = -mean over i of log p[i, y_i]  +  0.5 * reg * (sum of W1² + sum of W2²)

`softmax_loss` computes the first part of the loss, and also how it changes with each score:

    dscores = (p - onehot(y)) / N                     (N, C)

`onehot(y)` has a 1 at the right class of each row, and 0 elsewhere. `penalty` computes the second
part. If it gets gradients, it adds its own to them, in place. The gradient of `0.5 * reg * W²` is
`reg * W`.
"""),
    task("`softmax_loss` and `penalty`", "They follow in `classifiers/layers.py`."),
    text("""
The next cell compares `dscores` with numeric derivatives. It moves each score by a tiny step up and
down, and computes how the loss changes. Expect a relative error below 1e-7.
"""),
    code("""
loss, dscores = softmax_loss(scores, y_toy)
numeric = eval_numerical_gradient(lambda _: softmax_loss(scores, y_toy)[0], scores, verbose=False)
print(f"loss {loss:.6f}, largest relative error of dscores {rel_error(numeric, dscores):.1e}")
assert rel_error(numeric, dscores) < 1e-7
"""),
    text("""
The backward pass comes in section 4. Until then, this small class adds the loss and the penalty and
returns no gradients. `check_net` should say that the loss is right.
"""),
    code("""
class LossOnly(TwoLayerNet):
    def loss(self, X, y=None, reg=0.0):
        scores = forward(self.params, X)[1]
        return scores if y is None else (softmax_loss(scores, y)[0] + penalty(self.params, reg), {})


net = LossOnly(4, 10, 3)
net.params = make_toy_net().params
check_net(net, X_toy, y_toy)
"""),
    text("""
The published loss is 1.30378789133, for `reg=0.05`. The next cell prints two lines. Our loss agrees
at `reg=0.1`, and differs by 0.019 at `reg=0.05`. Both are right. The published formula does not
have the factor 0.5 before `reg`. With this factor, twice the `reg` gives the same penalty. If you
compare hyperparameters with others, ask which formula they use.
"""),
)

GRADIENTS = task(
    "`backward`",
    """It returns the gradients without the terms `reg * W`, which `penalty` adds. In
section 13, `mask` drops hidden units: `forward` multiplies `hidden` by it, so `backward` multiplies
`dhidden` by it.""",
)
CHECK_GRADIENTS = text("""
A relative error says *that* a gradient is wrong, not *why*. `check_net` also tries to explain. Look
at the table, then at the sentences below it. Before section 5, they say that `train` and `predict`
are not complete.
""")

STEPS = (
    text("""
## 5. Can the net learn at all?

The loss rises in the direction of the gradient. So each step goes in the opposite direction. Three
functions are still missing.

`draw_minibatch` in `classifiers/sgd.py` draws `batch_size` row numbers at random, with replacement,
by one call of `rng.choice`. It returns these rows of X and their labels.

`update` in the same file moves one parameter W, in place. Its gradient is dW:

    W ← W - learning_rate * dW

If it gets a velocity V, it repeats a part of the last step. This is called momentum:

    V ← momentum * V - learning_rate * dW
    W ← W + V

`TwoLayerNet.predict` in `classifiers/neural_net.py` asks `self.scores` for the scores of X. It
returns the class with the highest score for each row.
"""),
    task("`draw_minibatch`, `update` and `predict`"),
    text("""
Before we use real data, we train on five points. A net with 83 parameters must be able to memorize
them. If it cannot, the training loop is wrong. The curve should fall to almost 0. The last loss
should be 0.0171436…, the same on every machine.
"""),
)
CHECK_STEPS = (
    text("Now `check_net` should find nothing wrong."),
    code("""
report = check_net(make_toy_net(), X_toy, y_toy)
display(report)
assert report.ok and report.stage == "done"
"""),
)

FIRST_TRY = (
    text("""
## 7. A first try

We train a net of 50 hidden units. The hyperparameters look reasonable: a small learning rate, and
weights that start near zero. Watch the loss in the log. The net computes in float32, like the
images. That takes half the memory and half the time of float64. The losses agree to five digits.

**Question 1.** The first loss is almost the same in every run. Which number is it, and why?
"""),
    answer(1),
)

WRONG = (
    text("""
## 8. What is wrong?

The pictures show the loss, the accuracies and the weights of this net. Each tile of the weights is
one hidden unit. Of all images with the same contrast, it is the one for which this unit has the
largest value. Each point of the curve of training accuracy is measured on one batch of 200, so the
curve jumps. The printed number is that of the whole training part.

**Question 2.** What limits the accuracy of this net: the learning rate, the number of iterations,
its size, or too close a fit to the training images? For each of them, say what you see, or that the
pictures do not show it. What do the tiles have in common?
"""),
    answer(2),
)

SEARCH = text("""
## 9. Which hyperparameters are better?

We train a net for every combination of some values. The best validation accuracy decides. In plain
Python these are nested loops around

    net = TwoLayerNet(3072, hidden_size, 10)
    stats = net.train(X_train, y_train, X_val, y_val, learning_rate, num_iters=num_iters, reg=reg)
    val_accuracy = np.mean(net.predict(X_val) == y_val)

`sweep` does the same in float32, on all cores at once. Each net has its own seed. `sweep` writes
each finished net to a journal and to a folder beside it. If you stop this cell and run it again, it
continues with the remaining nets.

**Choose the values.** Replace each `...` by a list of one to three values. Use your answer to
question 2. On CIFAR-10 the best net should reach a validation accuracy of 0.465. A grid of 24 nets
takes a few minutes, so begin with a small grid. A journal belongs to one grid. For another grid,
increase `attempt` by 1.
""")
GRID = code("""
attempt = 1
grid = {"hidden_size": ..., "learning_rate": ..., "num_iters": ..., "reg": ...}
journal = sweep_journal.format(f"{source.folder.name}-{attempt}")
result = sweep(grid, X_train, y_train, X_val, y_val, seed=0, dtype=np.float32, journal=journal)
print("The nets are:", *(trial.state for trial in result.trials))
""")

BEST = (
    text("""
## 10. The best net

These are the same pictures as in section 8, for the best net.

**Question 3.** What differs from section 8 in the loss, in the gap between training and validation
accuracy, and in the weights? Why does the gap grow?
"""),
    answer(3),
)

EFFECTS = (
    text("""
## 12. What did each hyperparameter do?

The table has all results, the best first. A star marks those within one standard error of the best.
The search cannot tell whether they are worse than the best. Other validation images might give
another order.

Each panel below shows the same accuracies against one hyperparameter. Those with the same value are
side by side. A ring marks the best net. Bars are one standard error up and down. The printed means
show the same in numbers.

**Question 4.** Which hyperparameter mattered most, and which differences may be chance? Look at
whole groups of points, not only at the highest ones.
"""),
    answer(4),
)

FURTHER = (
    text("""
## 13. What does the net still lack?

We take all 49,000 training images. Then we switch on, one after the other, what later nets use:

- **Momentum**: a step keeps 0.9 of the last one. The learning rate rises for some iterations, and
  then falls along a cosine to zero.
- **Mirrored and shifted images**: the mirror image of a ship shows a ship, too. Each time an image
  is in a batch, the net sees one of its 18 versions.
- **Dropout**: each step leaves out a fifth of the hidden units, so no unit can rely on a single
  other unit.

The first line, plain SGD, already differs from section 9. The inputs have unit variance. The
weights start at `sqrt(2 / D)` (for W1 this is the rule of He et al., *Delving Deep into
Rectifiers*, 2015). The learning rate is 0.04, and there is no penalty.

**Question 5.** What does each addition do to the training accuracy, to the validation accuracy, and
to the gap between them? Why?
"""),
    answer(5),
)

LAST = text("""
Now we train a larger net of 500 hidden units for longer, with momentum and varied images. The test
part now has all 10,000 test images, so the standard error is 0.005. Section 11 has read the first
1,000 of them, but no decision has used its result. Look at the weights on the left. On the right,
look at which classes the net confuses.
""")
CONFIDENCE = (
    text("""
The next picture shows ten test images that the net classifies wrongly, with the highest
probabilities. The titles give the predicted class, its probability, and the true class. **Write the
line for `p`.** It must work for large scores, too.
"""),
    code("""
scores = net.loss(X_test).astype(np.float64)  # (N, C)
p = ...  # the softmax of each row of scores, (N, C)
confidence = p.max(axis=1)
worst = np.argsort(np.where(predicted == y_test, 0, -confidence))[:10]
titles = [
    f"{source.class_names[predicted[i]]} {confidence[i]:.1%}\\n(is {source.class_names[y_test[i]]})"
    for i in worst
]
axes = vis_utils.show_images(test_images[worst], titles)
axes[0, 0].figure.suptitle(f"The most confident mistakes ({source.name})");
"""),
)
