namespace Latchkey.Client;

/// <summary>What <see cref="LatchkeyClient.SignOutAsync"/> did.</summary>
/// <param name="Url">Where to send the browser to end the provider's session; null if the provider has no such page or can't be reached.</param>
/// <param name="Fault">Why the refresh token was not revoked or there is no address; null if nothing went wrong. For the log.</param>
public sealed record SignOutResult(Uri? Url, Exception? Fault)
{
    /// <summary>Not the address: it holds the ID token.</summary>
    public override string ToString() => Fault is null ? "signed out" : $"signed out with a fault: {Fault.Message}";
}
