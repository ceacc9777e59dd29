namespace Latchkey.Cli.Tests;

internal static class CommandResults
{
    /// <summary>Fails unless the program was refused with one sentence on stderr and nothing on stdout.</summary>
    /// <param name="result">How it ended.</param>
    /// <param name="code">The exit code.</param>
    /// <param name="said">What the sentence must say.</param>
    public static void ExpectRefusal(this CommandResult result, int code, params IEnumerable<string> said)
    {
        Assert.Equal((code, ""), (result.ExitCode, result.Output));
        var line = Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("latchkey: ", line, StringComparison.Ordinal);
        foreach (var part in said) Assert.Contains(part, line, StringComparison.Ordinal);
    }

    /// <summary>Fails, with all that was printed, unless it was done.</summary>
    public static CommandResult ExpectDone(this CommandResult result) =>
        result.ExitCode == 0 ? result : throw new Xunit.Sdk.XunitException($"Exit code {result.ExitCode}\nstdout:\n{result.Output}\nstderr:\n{result.Errors}");
}
