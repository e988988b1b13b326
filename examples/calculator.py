"""A server with two tools, a resource and a prompt.

Serve it:  mcpws serve examples/calculator.py     or  python examples/calculator.py
Call it:   mcpws tool 8082 add a=1 b=2
"""

from mcpws import App, ToolError

app = App("calculator", "1.0")


@app.tool
def add(a: int, b: int) -> int:
    "Add two integers."
    return a + b


@app.tool
def divide(a: float, b: float) -> float:
    "Divide a by b."
    if b == 0:
        # The model reads this text, and may try again with something else.
        raise ToolError("b must not be 0")
    return a / b


@app.resource("constants://{name}")
def constant(name: str) -> str:
    "A number that everybody knows."
    return {"pi": "3.14159", "e": "2.71828"}.get(name, "unknown")


@app.prompt
def explain(subject: str) -> str:
    "Have the model explain something."
    return f"Explain {subject} in two sentences."


if __name__ == "__main__":
    app.run(port=8082)
