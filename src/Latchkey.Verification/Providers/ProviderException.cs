using Latchkey.Protocol;

namespace Latchkey.Verification.Providers;

/// <summary>
/// A provider can't be reached, or answered what no provider may answer: HTML, a redirect, megabytes, another issuer's metadata. The message is the
/// refusal's line and holds no token and no secret.
/// </summary>
public sealed class ProviderException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="refusal">What was wrong.</param>
    /// <param name="isTransient">Whether the same request may well succeed a little later.</param>
    /// <param name="inner">What the network said, if it did.</param>
    public ProviderException(Refusal refusal, bool isTransient = false, Exception? inner = null) : base(refusal.ToString(), inner)
    {
        Refusal = refusal;
        IsTransient = isTransient;
    }

    /// <summary>What was wrong, by a stable <c>LK-PROVIDER-</c> code, and how to mend it.</summary>
    public Refusal Refusal { get; }

    /// <summary>Whether the same request may well succeed a little later: the network, a timeout, a status of 5xx or 429.</summary>
    public bool IsTransient { get; }
}
