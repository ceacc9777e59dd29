using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>
/// The process that the tests of <c>/authorize</c> and its pages share: the standard state, people and clients of their own for tests that leave
/// traces, and alice signed in once for all who only need somebody to be.
/// </summary>
public sealed class AuthorizeServer : IAsyncLifetime
{
    /// <summary>What alice has agreed to for <see cref="DeclaredStates.Web"/>: all but <c>api:write</c> and <c>files:read</c>.</summary>
    public const string Agreed = "openid profile email address phone offline_access api:read";

    /// <summary>Confidential, two redirect URIs, of which the second has a query.</summary>
    public static readonly TestClient Two = new("two", "two-secret-0123456789abcdef", TestClient.Post, "https://two.example.com/a");

    /// <summary>Public, with a redirect URI but not the grant type authorization_code.</summary>
    public static readonly TestClient NotForCode = new("not-for-code", null, TestClient.None, "https://not-for-code.example.com/cb");

    /// <summary>Public, with a default scope and <c>default_max_age</c> 0.</summary>
    public static readonly TestClient Modest = new("modest", null, TestClient.None, "https://modest.example.com/cb");

    /// <summary>Public, registered for <c>openid api:read</c> alone.</summary>
    public static readonly TestClient Narrow = new("narrow", null, TestClient.None, "https://narrow.example.com/cb");

    private const int Apps = 40;

    private LatchkeyProcess? _process;
    private Dictionary<string, string> _alice = [];
    private int _taken;

    public LatchkeyProcess Process => _process ?? throw new InvalidOperationException("The server has not been started.");

    public string Issuer => Process.Issuer;

    /// <summary>The ID token of the sign-in that <see cref="Alice"/> shares.</summary>
    public string AlicesIdToken { get; private set; } = "";

    /// <summary>An ID token of bob's, for the same client.</summary>
    public string BobsIdToken { get; private set; } = "";

    /// <summary>A client's program.</summary>
    public OAuthClient Client(TestClient client) => new(Issuer, client);

    /// <summary>A browser with no cookies.</summary>
    public PageWalker Browser(Person? person = null) => new(Issuer, person);

    /// <summary>
    /// Alice's browser, signed in, with <see cref="Agreed"/> agreed to for the web client. All share one session: sign in anew, or out, in
    /// <see cref="Browser"/> only.
    /// </summary>
    public PageWalker Alice()
    {
        var browser = Browser();
        foreach (var (name, value) in _alice) browser.Cookies[name] = value;
        return browser;
    }

    /// <summary>What <see cref="Alice"/> gets for a request of a client; she presses nothing.</summary>
    /// <param name="client">Who asks.</param>
    /// <param name="changes">
    /// Changes of the request as a query, such as <c>prompt=none&amp;!state</c>: values are taken as they stand, and an exclamation mark takes one away.
    /// </param>
    /// <param name="scope">The scopes.</param>
    public async Task<Asked> AskAsync(TestClient client, string changes = "", string scope = "openid profile")
    {
        using var alice = Alice();
        using var program = Client(client);
        var request = program.Request(scope, Changes(changes));
        return new(await alice.GetAsync(request.Url), request);
    }

    /// <summary>Reads changes as <see cref="AskAsync"/> takes them.</summary>
    public static IEnumerable<(string Name, string? Value)> Changes(string changes) =>
        changes.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(change => change.Split('=', 2)).Select(parts => parts.Length == 2
            ? (parts[0], (string?)parts[1])
            : (parts[0].TrimStart('!'), null));

    /// <summary>A public client that no other test has seen: nobody has agreed to anything.</summary>
    public OAuthClient NewApp()
    {
        var number = Interlocked.Increment(ref _taken);
        return number <= Apps ? Client(App(number)) : throw new InvalidOperationException("There are no more apps; declare some.");
    }

    public async ValueTask InitializeAsync()
    {
        var state = DeclaredStates.Standard();
        state.Add(Two, client => client["redirect_uris"] = new JsonArray(Two.RedirectUri, "https://two.example.com/b?x=1"));
        state.Add(NotForCode, client => client["grant_types"] = new JsonArray("urn:ietf:params:oauth:grant-type:device_code"));
        state.Add(Modest, client =>
        {
            client["default_scope"] = "openid api:read";
            client["default_max_age"] = 0;
        });
        state.Add(Narrow, client => client["scope"] = "openid api:read");
        for (var number = 1; number <= Apps; number++) state.Add(App(number));
        _process = await LatchkeyProcess.StartAsync(state);

        using var web = Client(DeclaredStates.Web);
        using var alice = Browser();
        AlicesIdToken = (await web.SignInAsync(alice, Agreed)).IdToken!;
        _alice = new(alice.Cookies);
        using var bob = Browser(DeclaredStates.Bob);
        BobsIdToken = (await web.SignInAsync(bob, "openid")).IdToken!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
    }

    private static TestClient App(int number) => new($"app-{number}", null, TestClient.None, $"https://app-{number}.example.com/cb");
}

/// <summary>A request, and where it led.</summary>
public sealed record Asked(Stop Stop, AuthorizationRequest Request)
{
    public string ExpectCode() => Stop.ExpectCode(Request);

    public string ExpectError(string error) => Stop.ExpectError(Request, error);
}
