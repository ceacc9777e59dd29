using System.Diagnostics.CodeAnalysis;

namespace Latchkey.Protocol;

/// <summary>
/// What a step of the protocol came to: a value, or the error to answer with. Refusals are everyday answers here, not exceptions.
/// </summary>
/// <typeparam name="T">What the step yields when it succeeds.</typeparam>
public readonly struct Result<T> where T : notnull
{
    private readonly T? _value;

    private Result(T? value, OAuthError? error)
    {
        _value = value;
        Error = error;
    }

    /// <summary>The error, or null when the step succeeded.</summary>
    public OAuthError? Error { get; }

    /// <summary>The value; reading it of a refused result is a bug and throws.</summary>
    public T Value => _value ?? throw new InvalidOperationException("The result is an error and has no value.");

    /// <summary>Tells which side this is.</summary>
    /// <param name="value">The value when this is a success.</param>
    /// <param name="error">The error otherwise.</param>
    /// <returns>True for a success.</returns>
    public bool Succeeded([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out OAuthError? error)
    {
        value = _value;
        error = Error;
        return error is null;
    }

    /// <summary>Tells whether the step was refused, with both sides at hand.</summary>
    /// <param name="error">The error when it was refused.</param>
    /// <param name="value">The value otherwise.</param>
    /// <returns>True for a refusal.</returns>
    public bool Refused([NotNullWhen(true)] out OAuthError? error, [NotNullWhen(false)] out T? value)
    {
        value = _value;
        error = Error;
        return error is not null;
    }

    /// <summary>A success.</summary>
    public static implicit operator Result<T>(T value) => new(value, null);

    /// <summary>A refusal.</summary>
    public static implicit operator Result<T>(OAuthError error) => new(default, error);
}
