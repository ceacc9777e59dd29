using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;
using Latchkey.Server.Registration;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Registration;

/// <summary>A server where everybody registers, one that asks only what anybody may be asked, and a site with the sectors.</summary>
public sealed class SectorServers : IAsyncLifetime
{
    /// <summary>What stands in the document of most tests.</summary>
    public static readonly string[] Listed = ["https://one.example.com/cb", "https://two.example.com/cb", "https://three.example.com/cb"];

    public InProcessServer Open { get; private set; } = null!;

    public InProcessServer Strict { get; private set; } = null!;

    public DocumentHost Site { get; private set; } = null!;

    public string Sector { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Site = await DocumentHost.StartAsync();
        Sector = Site.Put("/sector.json", new JsonArray([.. Listed]).ToJsonString());
        Open = await InProcessServer.StartAsync(change: options => options with { Registration = RegistrationMode.Open, ClientIdMetadataDocuments = MetadataDocumentMode.Loopback });
        Strict = await InProcessServer.StartAsync(change: options => options with { Registration = RegistrationMode.Open });
    }

    public async ValueTask DisposeAsync()
    {
        await Open.DisposeAsync();
        await Strict.DisposeAsync();
        await Site.DisposeAsync();
    }
}

/// <summary>Sectors of clients that know people by pairwise subjects: who belongs to one is said by the document at <c>sector_identifier_uri</c>.</summary>
[Spec("OIDC Registration", "5"), Spec("OIDC Core", "8.1")]
public sealed class SectorIdentifierTests(SectorServers servers) : IClassFixture<SectorServers>
{
    [Fact]
    public async Task Clients_of_a_sector_know_a_person_by_the_same_sub_and_others_by_another()
    {
        var subjects = new List<string>();
        foreach (var (sector, redirectUris) in ((string?, string[])[])[(servers.Sector, SectorServers.Listed[..2]), (servers.Sector, SectorServers.Listed[2..]), (null, SectorServers.Listed[..1])])
        {
            var made = (await RegisterAsync(Request(sector, redirectUris))).Expect(HttpStatusCode.Created);
            Assert.Equal((sector, "pairwise"), (made["sector_identifier_uri"], made["subject_type"]));
            using var client = servers.Open.Client(new TestClient(made["client_id"]!, null, TestClient.None, redirectUris[0]));
            subjects.Add(await SubjectAsync(client));
        }

        Assert.Equal(subjects[0], subjects[1]);
        Assert.NotEqual(subjects[0], subjects[2]);
        using var web = servers.Open.Client(DeclaredStates.Web);
        Assert.DoesNotContain(await SubjectAsync(web), subjects);
    }

    [Fact]
    public async Task An_address_that_the_sector_does_not_list_is_named()
    {
        foreach (var uri in (string[])["https://four.example.com/cb", SectorServers.Listed[0] + "/", SectorServers.Listed[0].ToUpperInvariant().Replace("HTTPS", "https", StringComparison.Ordinal)])
        {
            var answer = (await RegisterAsync(Request(servers.Sector, [SectorServers.Listed[0], uri]))).ExpectError("invalid_redirect_uri");
            Assert.Contains(uri, answer.ErrorDescription, StringComparison.Ordinal);
            Assert.Contains("sector_identifier_uri", answer.ErrorDescription, StringComparison.Ordinal);
        }
    }

    /// <summary>It is asked about whatever the kind of subjects: what is registered is to be true.</summary>
    [Fact]
    public async Task A_client_with_public_subjects_is_asked_about_too()
    {
        var request = Request(servers.Sector, ["https://four.example.com/cb"]);
        request["subject_type"] = "public";
        (await RegisterAsync(request)).ExpectError("invalid_redirect_uri");
    }

    [Fact]
    public async Task Pairwise_subjects_of_several_hosts_need_a_sector()
    {
        var answer = (await RegisterAsync(Request(null, SectorServers.Listed[..2]))).ExpectError("invalid_client_metadata");
        Assert.Contains("sector_identifier_uri", answer.ErrorDescription, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"redirect_uris":["https://one.example.com/cb"]}""", "application/json", 200, "no JSON array")]
    [InlineData("""["https://one.example.com/cb",1]""", "application/json", 200, "no JSON array")]
    [InlineData("""["https://one.example.com/cb",["https://two.example.com/cb"]]""", "application/json", 200, "no JSON array")]
    [InlineData("""["https://one.example.com/cb" """, "application/json", 200, "no JSON array")]
    [InlineData("", "application/json", 200, "no JSON array")]
    [InlineData("""["https://one.example.com/cb"]""", "text/html", 200, "media type")]
    [InlineData("""["https://one.example.com/cb"]""", "application/json", 404, "404")]
    [InlineData("""["https://one.example.com/cb"]""", "application/json", 503, "503")]
    public async Task A_document_that_is_none_is_told(string body, string contentType, int status, string said)
    {
        var uri = servers.Site.Put($"/{Guid.NewGuid():N}", body, contentType, status: status);
        var before = await CountAsync(servers.Open);
        var answer = (await RegisterAsync(Request(uri, SectorServers.Listed[..1]))).ExpectError("invalid_client_metadata");
        Assert.StartsWith("sector_identifier_uri ", answer.ErrorDescription, StringComparison.Ordinal);
        Assert.Contains(said, answer.ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await CountAsync(servers.Open));
    }

    [Fact]
    public async Task Neither_redirects_nor_endless_documents_are_followed()
    {
        servers.Site.Paths["/moved"] = context =>
        {
            context.Response.Redirect(servers.Sector);
            return Task.CompletedTask;
        };
        Assert.Contains("redirects are not followed", (await RegisterAsync(Request(servers.Site.Url("/moved"), SectorServers.Listed[..1]))).ExpectError("invalid_client_metadata").ErrorDescription, StringComparison.Ordinal);
        var large = servers.Site.Put("/large", $"[\"{new string('a', 70_000)}\"]");
        Assert.Contains("longer than", (await RegisterAsync(Request(large, SectorServers.Listed[..1]))).ExpectError("invalid_client_metadata").ErrorDescription, StringComparison.Ordinal);
    }

    [Theory, Check("A48")]
    [InlineData("https://10.0.0.1/sector.json")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://[::ffff:127.0.0.1]/sector.json")]
    [InlineData("http://app.example.com/sector.json")]
    [InlineData("file:///etc/passwd")]
    public async Task Nobody_inside_is_asked(string uri)
    {
        var answer = (await RegisterAsync(Request(uri, SectorServers.Listed[..1]))).ExpectError("invalid_client_metadata");
        Assert.Contains("sector_identifier_uri", answer.ErrorDescription, StringComparison.Ordinal);
    }

    [Fact, Check("A48")]
    public async Task This_computer_is_asked_only_where_the_operator_allows_it()
    {
        var asked = servers.Site.Asked.Count(path => path == "/inside.json");
        var uri = servers.Site.Put("/inside.json", new JsonArray([.. SectorServers.Listed]).ToJsonString());
        (await SendAsync(servers.Strict, HttpMethod.Post, "/register", Request(uri, SectorServers.Listed[..1]))).ExpectError("invalid_client_metadata");
        Assert.Equal(asked, servers.Site.Asked.Count(path => path == "/inside.json"));
    }

    /// <summary>Whoever sends nonsense makes the server ask nobody.</summary>
    [Fact]
    public async Task What_is_wrong_by_itself_is_refused_before_anybody_is_asked()
    {
        var uri = servers.Site.Put("/unasked.json", "[]");
        (await RegisterAsync(Request(uri, ["javascript:alert(1)"]))).ExpectError("invalid_redirect_uri");
        Assert.Equal(0, servers.Site.Count("/unasked.json"));
    }

    [Fact, Spec("RFC 7592", "2.2")]
    public async Task A_change_is_asked_about_again()
    {
        var made = (await RegisterAsync(Request(servers.Sector, SectorServers.Listed[..1]))).Expect(HttpStatusCode.Created);
        var change = Request(servers.Sector, ["https://four.example.com/cb"]);
        change["client_id"] = made["client_id"];
        var path = "/register/" + made["client_id"];
        (await SendAsync(servers.Open, HttpMethod.Put, path, change, made["registration_access_token"])).ExpectError("invalid_redirect_uri");
        change["redirect_uris"] = new JsonArray(SectorServers.Listed[1]);
        (await SendAsync(servers.Open, HttpMethod.Put, path, change, made["registration_access_token"])).Expect(HttpStatusCode.OK);
    }

    /// <summary>The sector of a client that is known by its document is read when the document says something new; while it is away, what was known is good.</summary>
    [Fact, Spec("Client ID Metadata Document", "4")]
    public async Task A_client_known_by_its_document_belongs_to_a_sector_that_lists_it()
    {
        var sector = servers.Site.Put("/document-sector.json", """["https://app.example.com/cb"]""");
        var document = new JsonObject
        {
            ["client_name"] = "Web", ["redirect_uris"] = new JsonArray("https://app.example.com/cb"), ["subject_type"] = "pairwise", ["sector_identifier_uri"] = sector,
        };
        var url = Publish("/document/client.json", document);
        using var client = servers.Open.Client(new TestClient(url, null, TestClient.None, "https://app.example.com/cb"));
        using var alice = servers.Open.Browser();
        using var web = servers.Open.Client(DeclaredStates.Web);
        Assert.NotEqual(await SubjectAsync(web), Jwt.Claims((await client.SignInAsync(alice, "openid")).IdToken!).GetProperty("sub").GetString());

        servers.Open.Clock.Advance(TimeSpan.FromMinutes(6));
        await client.SignInAsync(alice, "openid");
        Assert.Equal((2, 1), (servers.Site.Count("/document/client.json"), servers.Site.Count("/document-sector.json")));

        document["redirect_uris"] = new JsonArray("https://app.example.com/cb", "https://more.example.com/cb");
        Publish("/document/client.json", document);
        servers.Site.Put("/document-sector.json", "away", status: 503);
        servers.Open.Clock.Advance(TimeSpan.FromMinutes(6));
        await client.SignInAsync(alice, "openid");

        servers.Site.Put("/document-sector.json", """["https://app.example.com/cb"]""");
        servers.Open.Clock.Advance(TimeSpan.FromMinutes(6));
        var page = await alice.GetAsync(client.Request("openid").Url);
        Assert.False(page.IsAtClient);
        Assert.Contains("does not list https://more.example.com/cb", page.Document!.QuerySelector("details")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declared_client_is_asked_about_when_it_is_new_or_changes()
    {
        using var folder = new TemporaryFolder();
        var path = $"/declared-{Guid.NewGuid():N}.json";
        var uri = servers.Site.Put(path, new JsonArray([.. SectorServers.Listed]).ToJsonString());
        await using var server = await InProcessServer.StartAsync(Declared(uri, SectorServers.Listed));
        Assert.Equal(1, servers.Site.Count(path));
        await ApplyAsync(server, Declared(uri, SectorServers.Listed));
        Assert.Equal(1, servers.Site.Count(path));

        var refused = await Assert.ThrowsAsync<AdministrationException>(() => ApplyAsync(server, Declared(uri, [.. SectorServers.Listed, "https://four.example.com/cb"])));
        Assert.Contains("sector_identifier_uri does not list https://four.example.com/cb", refused.Message, StringComparison.Ordinal);
        Assert.Contains("clients[", refused.Message, StringComparison.Ordinal);
        servers.Site.Put(path, "away", status: 503);
        await ApplyAsync(server, Declared(uri, SectorServers.Listed[..2]));
        Assert.Equal(2, servers.Site.Count(path));
    }

    [Fact]
    public async Task An_operator_s_client_is_asked_about_when_it_is_made_or_changed()
    {
        var administration = new ClientAdministration(servers.Open.Services.GetRequiredService<Database>(), servers.Open.Clock, "cli");
        var metadata = new ClientMetadata { ClientId = "of-a-sector", RedirectUris = ["https://four.example.com/cb"], Scope = "openid", SubjectType = "pairwise", SectorIdentifierUri = servers.Sector };
        Assert.Contains("does not list", (await Assert.ThrowsAsync<AdministrationException>(() => administration.CreateAsync(metadata))).Message, StringComparison.Ordinal);
        await administration.CreateAsync(metadata with { RedirectUris = SectorServers.Listed[..1] });
        Assert.Contains("does not list", (await Assert.ThrowsAsync<AdministrationException>(() => administration.UpdateAsync("of-a-sector", known => known with { RedirectUris = ["https://four.example.com/cb"] }))).Message, StringComparison.Ordinal);
        Assert.Equal(SectorServers.Listed, (await administration.UpdateAsync("of-a-sector", known => known with { RedirectUris = SectorServers.Listed })).RedirectUris);
    }

    private async Task<string> SubjectAsync(OAuthClient client)
    {
        using var alice = servers.Open.Browser();
        return Jwt.Claims((await client.SignInAsync(alice, "openid")).IdToken!).GetProperty("sub").GetString()!;
    }

    private static JsonObject Request(string? sector, string[] redirectUris)
    {
        var request = new JsonObject { ["redirect_uris"] = new JsonArray([.. redirectUris]), ["token_endpoint_auth_method"] = "none", ["subject_type"] = "pairwise" };
        if (sector is not null) request["sector_identifier_uri"] = sector;
        return request;
    }

    private static JsonObject Declared(string sector, string[] redirectUris)
    {
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.Web)["subject_type"] = "pairwise";
        state.Client(DeclaredStates.Web)["sector_identifier_uri"] = sector;
        state.Client(DeclaredStates.Web)["redirect_uris"] = new JsonArray([.. redirectUris]);
        return state;
    }

    private static Task<IReadOnlyList<string>> ApplyAsync(InProcessServer server, JsonObject state) => server.Services.ApplyDeclaredStateAsync(
        DeclaredStateReader.Read(state.ToJsonString(), "test", new HashSet<string>(), Environment.GetEnvironmentVariable), "cli");

    private string Publish(string path, JsonObject document)
    {
        var copy = document.DeepClone().AsObject();
        copy["client_id"] = servers.Site.Url(path);
        return servers.Site.Put(path, copy.ToJsonString());
    }

    private Task<Answer> RegisterAsync(JsonObject request)
    {
        // What earlier tests asked for in vain is forgiven.
        servers.Open.Clock.Advance(TimeSpan.FromMinutes(2));
        return SendAsync(servers.Open, HttpMethod.Post, "/register", request);
    }

    private static async Task<Answer> SendAsync(InProcessServer server, HttpMethod method, string path, JsonObject request, string? token = null)
    {
        using var client = server.Client(DeclaredStates.Web);
        var message = new HttpRequestMessage(method, server.Issuer + path) { Content = new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json") };
        if (token is not null) message.Headers.Authorization = new("Bearer", token);
        return await client.SendAsync(message);
    }

    private static async Task<int> CountAsync(InProcessServer server) =>
        (await server.Services.GetRequiredService<Database>().ReadAsync(sql => RegisteredClients.ListAsync(sql, "", 1000))).Count;
}
