namespace Latchkey.Testing;

/// <summary>What a test expected of an app did not happen; the message says what was expected and what came. Every test framework shows it as a failure.</summary>
/// <param name="message">What was expected, and what came.</param>
public sealed class AuthorityAssertionException(string message) : Exception(message);
