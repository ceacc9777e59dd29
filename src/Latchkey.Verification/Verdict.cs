using System.Diagnostics.CodeAnalysis;
using Latchkey.Protocol;

namespace Latchkey.Verification;

/// <summary>
/// What came of judging something that another party sent: the thing itself, now to be trusted as far as its checks go, or the refusal that says
/// which check failed. Refusals are everyday answers here, not exceptions.
/// </summary>
/// <typeparam name="T">What is yielded when every check holds.</typeparam>
public readonly struct Verdict<T> where T : notnull
{
    private readonly T? _value;

    private Verdict(T? value, Refusal? refusal)
    {
        _value = value;
        Refusal = refusal;
    }

    /// <summary>Why it was refused, or null when it was not.</summary>
    public Refusal? Refusal { get; }

    /// <summary>The value; reading it of a refusal is a bug and throws <see cref="InvalidOperationException"/>.</summary>
    public T Value => _value ?? throw new InvalidOperationException("The verdict is a refusal and has no value.");

    /// <summary>Tells which side this is.</summary>
    /// <param name="value">The value when every check held.</param>
    /// <param name="refusal">The refusal otherwise.</param>
    /// <returns>True when every check held.</returns>
    public bool Succeeded([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Refusal? refusal)
    {
        value = _value;
        refusal = Refusal;
        return refusal is null;
    }

    /// <summary>Tells whether a check failed, with both sides at hand.</summary>
    /// <param name="refusal">The refusal when one did.</param>
    /// <param name="value">The value otherwise.</param>
    /// <returns>True for a refusal.</returns>
    public bool Refused([NotNullWhen(true)] out Refusal? refusal, [NotNullWhen(false)] out T? value)
    {
        value = _value;
        refusal = Refusal;
        return refusal is not null;
    }

    /// <summary>Every check held.</summary>
    public static implicit operator Verdict<T>(T value) => new(value, null);

    /// <summary>A check failed.</summary>
    public static implicit operator Verdict<T>(Refusal refusal) => new(default, refusal);
}
