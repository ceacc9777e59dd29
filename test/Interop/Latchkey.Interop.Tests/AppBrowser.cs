using System.Net;
using System.Text.Json;

namespace Latchkey.Interop.Tests;

/// <summary>
/// The browser of somebody who uses an app: opens the app's pages with the app's cookies, and wherever the app sends it to the server, lets the person
/// do there what is asked and comes back with the answer.
/// </summary>
internal sealed class AppBrowser : IDisposable
{
    private readonly string _issuer;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });

    public AppBrowser(string issuer, Person? person = null)
    {
        _issuer = issuer;
        Walker = new PageWalker(issuer, person);
    }

    /// <summary>The person at the server.</summary>
    public PageWalker Walker { get; }

    /// <summary>What to press at consent.</summary>
    public string Decision { get; set; } = "allow";

    /// <summary>What the person does at a server that is not Latchkey's, from a URL on; null for Latchkey's pages.</summary>
    public Func<PageWalker, string, Task<Stop>>? Walk { get; set; }

    /// <summary>The <c>Accept</c> header for the app's pages.</summary>
    public string? Accept { get; set; }

    /// <summary>The URL of the last answer.</summary>
    public Uri? Url { get; private set; }

    /// <summary>Opens a page of the app and follows wherever it leads.</summary>
    public async Task<(HttpStatusCode Status, string Text)> GetAsync(string url)
    {
        var next = new Uri(url);
        for (var steps = 0; steps < 20; steps++)
        {
            Url = next;
            using var request = new HttpRequestMessage(HttpMethod.Get, next);
            if (Accept is not null) request.Headers.Add("Accept", Accept);
            using var response = await _http.SendAsync(request);
            if (response.Headers.Location is not { } location) return (response.StatusCode, await response.Content.ReadAsStringAsync());
            next = new Uri(next, location);
            if (!next.AbsoluteUri.StartsWith(_issuer, StringComparison.Ordinal)) continue;
            var stop = await (Walk is null ? Walker.AuthorizeAsync(next.AbsoluteUri, Decision) : Walk(Walker, next.AbsoluteUri));
            if (!stop.IsAtClient) return (stop.Status, stop.Text);
            next = stop.Url;
        }

        throw new InvalidOperationException($"The app and the server send the browser to and fro; now at {next}.");
    }

    /// <summary>As above, for JSON.</summary>
    public async Task<JsonElement> GetJsonAsync(string url)
    {
        var (status, text) = await GetAsync(url);
        return status == HttpStatusCode.OK ? JsonElement.Parse(text) : throw new Xunit.Sdk.XunitException($"{(int)status} at {Url}: {text}");
    }

    public void Dispose()
    {
        _http.Dispose();
        Walker.Dispose();
    }
}
