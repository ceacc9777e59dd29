using Latchkey.Protocol;

namespace Latchkey.ResourceServer;

/// <summary>What <c>AuthenticateResult.Failure</c> holds when a token was refused. It is never thrown, and holds no token.</summary>
public sealed class AccessTokenRefusedException : Exception
{
    internal AccessTokenRefusedException(Refusal refusal) : base(refusal.ToString()) => Refusal = refusal;

    /// <summary>Which check refused the token, by a stable code.</summary>
    public Refusal Refusal { get; }
}
