using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;

namespace Latchkey.Browser.Tests.Site;

/// <summary>
/// The demo as <c>run.sh</c> starts it (the server, the web app twice, the single-page app, the API, each a real process), a second app on another
/// site, and one Chromium for
/// all tests. Every test has a person of its own, so that none meets what another agreed to.
/// </summary>
public sealed class DemoSite : IAsyncLifetime
{
    private const string Password = "five green umbrellas singing";

    private static readonly TestClient PhoneClient = new("phone", null, TestClient.None, "com.example.phone:/callback");

    private static readonly TestClient TillClient = new("till", "till-secret-0123456789abcdefghij", TestClient.Basic, null);

    private static readonly TestClient PayerClient = new("payer", null, TestClient.None, "com.example.payer:/callback");

    private LatchkeyProcess? _server;
    private SampleProgram? _web;
    private SampleProgram? _shop;
    private SampleProgram? _spa;
    private SampleProgram? _api;
    private ClientSite? _second;
    private DocumentHost? _documents;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private int _people;

    public LatchkeyProcess Server => _server!;

    public string Issuer => Server.Issuer;

    /// <summary>The demo's web app.</summary>
    public string Web { get; private set; } = "";

    /// <summary>The demo's second web app, the same program.</summary>
    public string Shop { get; private set; } = "";

    /// <summary>The demo's single-page app.</summary>
    public string Spa { get; private set; } = "";

    /// <summary>The second app's program: public, on another site.</summary>
    public OAuthClient Second => new(Issuer, SecondClient);

    /// <summary>An app of a private-use scheme.</summary>
    public OAuthClient Phone => new(Issuer, PhoneClient);

    /// <summary>A till that asks people by the back channel.</summary>
    public OAuthClient Till => new(Issuer, TillClient);

    /// <summary>An app that asks to pay, in detail.</summary>
    public OAuthClient Payer => new(Issuer, PayerClient);

    /// <summary>An app that is told of the end of a session in a frame.</summary>
    public OAuthClient Framed => new(Issuer, FramedClient);

    /// <summary>An app that nobody declared: its id is the URL of its metadata.</summary>
    public OAuthClient Stranger => new(Issuer, new(_documents!.Url("/client.json"), null, TestClient.None, SecondSite.Url + "/callback"));

    /// <summary>The terminal program of the demo.</summary>
    public OAuthClient Device => new(Issuer, new("device", null, TestClient.None, null));

    internal ClientSite SecondSite => _second!;

    private TestClient FramedClient => new("framed", null, TestClient.None, SecondSite.Url + "/callback");

    private TestClient SecondClient => new("second", null, TestClient.None, SecondSite.Url + "/callback");

    /// <summary>Somebody that no other test knows, called <c>Person N</c>.</summary>
    public Person Newcomer() => new(Username(Interlocked.Increment(ref _people)), Password);

    /// <summary>Lets somebody walk, in a browser window of their own, and fails if the browser had anything to complain of.</summary>
    /// <param name="walk">What they do.</param>
    /// <param name="change">Changes of the window.</param>
    public async Task VisitAsync(Func<Visitor, Task> walk, Action<BrowserNewContextOptions>? change = null)
    {
        var options = new BrowserNewContextOptions
        {
            ViewportSize = new() { Width = 1280, Height = 800 },
            ReducedMotion = ReducedMotion.Reduce,
            Locale = "en-GB",
        };
        change?.Invoke(options);
        await using var context = await _browser!.NewContextAsync(options);
        var visitor = new Visitor(this, await context.NewPageAsync(), [Issuer, Web, Shop, Spa, SecondSite.Url]);
        await walk(visitor);
        Assert.Empty(visitor.Complaints);
    }

    public async ValueTask InitializeAsync()
    {
        var chromium = StartChromiumAsync();
        _second = await ClientSite.StartAsync();
        _documents = await DocumentHost.StartAsync();
        _documents.Put("/client.json", new JsonObject
        {
            ["client_id"] = _documents.Url("/client.json"),
            ["client_name"] = "An app of a stranger",
            ["client_uri"] = SecondSite.Url,
            ["redirect_uris"] = new JsonArray(SecondSite.Url + "/callback"),
            ["token_endpoint_auth_method"] = "none",
        }.ToJsonString());
        (Web, Shop, Spa) = (Address(), Address(), Address());
        var api = Address();
        _server = await LatchkeyProcess.StartAsync(State(api));
        _api = await SampleProgram.StartAsync("ApiSample", "--issuer", Issuer, "--resource", api, "--urls", api);
        _web = await SampleProgram.StartAsync(
            "WebSample", "--issuer", Issuer, "--client-id", "web", "--client-secret", "web-secret-0123456789abcdef",
            "--scope", "openid profile email offline_access api:read", "--urls", Web, "--api", api);
        _shop = await SampleProgram.StartAsync(
            "WebSample", "--issuer", Issuer, "--client-id", "shop", "--client-secret", "shop-secret-0123456789abcdef",
            "--scope", "openid profile email api:read", "--urls", Shop, "--api", api, "--name", "Demo shop");
        _spa = await SampleProgram.StartAsync(
            "SpaSample", "--issuer", Issuer, "--client-id", "spa", "--client-secret", "spa-secret-0123456789abcdef",
            "--scope", "openid profile email api:read", "--urls", Spa, "--api", api);
        await chromium;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        foreach (var part in new IAsyncDisposable?[] { _web, _shop, _spa, _api, _second, _documents, _server })
        {
            if (part is not null) await part.DisposeAsync();
        }
    }

    private async Task StartChromiumAsync()
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    // The demo's own file with other ports, and beside it what the demo has no need of.
    private JsonObject State(string api)
    {
        var text = File.ReadAllText(SampleProgram.Metadata("DemoState"))
            .Replace("http://127.0.0.1:3000", Web, StringComparison.Ordinal)
            .Replace("http://127.0.0.1:3001", Shop, StringComparison.Ordinal).Replace("http://127.0.0.1:3002", Spa, StringComparison.Ordinal)
            .Replace("http://127.0.0.1:5200", api, StringComparison.Ordinal);
        var state = JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip })!.AsObject();
        const string scope = "openid profile email offline_access api:read";
        state.Add(SecondClient, client =>
        {
            client["client_name"] = "Second app";
            client["scope"] = scope;
            client["post_logout_redirect_uris"] = new JsonArray(SecondSite.Url + "/bye");
        });
        state.Add(PhoneClient, client =>
        {
            client["client_name"] = "Phone app";
            client["application_type"] = "native";
            client["scope"] = scope;
        });
        state.Add(FramedClient, client =>
        {
            client["client_name"] = "Framed app";
            client["scope"] = scope;
            client["frontchannel_logout_uri"] = SecondSite.Url + "/bye";
            client["post_logout_redirect_uris"] = new JsonArray(SecondSite.Url + "/bye");
        });
        state.Add(PayerClient, client =>
        {
            client["client_name"] = "Green grocer";
            client["application_type"] = "native";
            client["scope"] = scope;
            client["authorization_details_types"] = new JsonArray("payment");
        });
        state["resources"]!.AsArray().Add(JsonNode.Parse(
            """
            { "resource": "https://bank.example.com", "name": "Example bank", "authorization_details_types": [{ "type": "payment", "description": "Pay somebody",
                "schema": { "type": "object", "required": ["creditor", "amount"], "properties": {
                  "creditor": { "type": "string", "title": "Payee" }, "reference": { "type": "string", "title": "Reference" },
                  "amount": { "type": "object", "title": "Amount", "properties": { "currency": { "enum": ["EUR", "GBP"] }, "value": { "type": "string" } } } } } }] }
            """));
        if (state["settings"] is not JsonObject) state["settings"] = new JsonObject();
        state["settings"]!["client_id_metadata_documents"] = "loopback";
        state.Add(TillClient, client =>
        {
            client["client_name"] = "Corner shop";
            client["scope"] = scope;
            client["grant_types"] = new JsonArray("urn:openid:params:grant-type:ciba");
            client["backchannel_token_delivery_mode"] = "poll";
        });
        for (var i = 1; i <= 40; i++)
        {
            state["users"]!.AsArray().Add(new JsonObject
            {
                ["username"] = Username(i),
                ["password"] = Password,
                ["name"] = string.Create(CultureInfo.InvariantCulture, $"Person {i}"),
                ["email"] = Username(i) + "@example.com",
                ["email_verified"] = true,
            });
        }

        return state;
    }

    private static string Username(int number) => string.Create(CultureInfo.InvariantCulture, $"person{number}");

    private static string Address() => "http://127.0.0.1:" + LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture);
}
