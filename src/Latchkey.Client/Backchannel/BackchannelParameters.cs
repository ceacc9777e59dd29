namespace Latchkey.Client.Backchannel;

/// <summary>Whom to ask by the back channel, and what for (OpenID Connect CIBA Core section 7.1). One hint says whom.</summary>
public sealed record BackchannelParameters
{
    /// <summary>Whom to ask, by what the provider knows them by; null if another hint says it.</summary>
    public string? LoginHint { get; init; }

    /// <summary>Whom to ask, by an ID token of theirs that this client got; null if another hint says it.</summary>
    public string? IdTokenHint { get; init; }

    /// <summary>Whom to ask, by a token that the provider understands; null if another hint says it.</summary>
    public string? LoginHintToken { get; init; }

    /// <summary>The scopes, <c>openid</c> among them, separated by spaces; those of the options if null.</summary>
    public string? Scope { get; init; }

    /// <summary>The APIs that tokens are for (RFC 8707); those of the options if null.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>What the person is to compare with what your device shows: short, in plain characters; null for nothing.</summary>
    public string? BindingMessage { get; init; }

    /// <summary>Authentication contexts to aim for, separated by spaces; null for none.</summary>
    public string? AcrValues { get; init; }

    /// <summary>For how long the person may take; null lets the provider choose.</summary>
    public TimeSpan? RequestedExpiry { get; init; }

    /// <summary>A fresh secret of yours that the provider's pings carry, for a client that is pinged; null otherwise.</summary>
    public string? NotificationToken { get; init; }

    /// <summary>A code of the person that the provider may want; null for none.</summary>
    public string? UserCode { get; init; }

    /// <summary>Only the scopes: hints and tokens are nobody's business.</summary>
    public override string ToString() => $"backchannel request for \"{Scope}\"";
}
