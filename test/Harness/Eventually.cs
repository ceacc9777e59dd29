namespace Latchkey.Tests.Harness;

/// <summary>Waits for what another process or a background task does.</summary>
public static class Eventually
{
    /// <summary>Tries until the condition holds; fails the test after the deadline.</summary>
    /// <param name="what">What is waited for, for the failure's text.</param>
    /// <param name="condition">Tells whether it came true.</param>
    /// <param name="seconds">The deadline.</param>
    public static async Task HoldsAsync(string what, Func<Task<bool>> condition, int seconds = 10)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(deadline) > TimeSpan.FromSeconds(seconds))
                throw new TimeoutException($"Not within {seconds} s: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(25));
        }
    }

    /// <inheritdoc cref="HoldsAsync(string, Func{Task{bool}}, int)" />
    public static Task HoldsAsync(string what, Func<bool> condition, int seconds = 10) => HoldsAsync(what, () => Task.FromResult(condition()), seconds);
}
