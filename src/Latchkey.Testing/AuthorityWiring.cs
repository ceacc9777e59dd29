namespace Latchkey.Testing;

/// <summary>How an app is wired to an authority; the defaults suit an app that knows one provider.</summary>
public sealed class AuthorityWiring
{
    /// <summary>The schemes and named clients that are rewired; all if empty.</summary>
    public IList<string> Schemes { get; } = [];

    /// <summary>Whether the app gets the authority's clock as its <see cref="TimeProvider"/>; true unless set.</summary>
    public bool ShareClock { get; set; } = true;

    /// <summary>
    /// Where the app is reached. Its sign-in clients are declared at the authority with these origins and its own callback paths;
    /// <c>http://localhost</c> and <c>https://localhost</c> unless changed.
    /// </summary>
    public IList<string> Origins { get; } = ["http://localhost", "https://localhost"];

    /// <summary>
    /// Whether the app's own clients, those of OpenIdConnect and of Latchkey, are declared at the authority by themselves: id, secret or public key, and
    /// callbacks. True unless set; with false the app is known by what the test declares.
    /// </summary>
    public bool DeclareClients { get; set; } = true;

    internal bool Covers(string? name) => Schemes.Count == 0 || Schemes.Contains(name ?? "");
}
