using System.Net;
using Latchkey.Testing.Misconduct;
using Microsoft.AspNetCore.TestHost;

namespace Latchkey.Testing.Browsing;

/// <summary>
/// A person with a browser, without the browser: follows redirects between the app and the authority, keeps cookies as browsers do, signs in, decides,
/// and misbehaves as people do when told to. One at a time: not thread-safe; two browsers are two people or two machines.
/// </summary>
public sealed partial class AuthorityBrowser
{
    private const int LongestTrail = 40;

    private readonly TestAuthority _authority;
    private readonly CookieJar _cookies;
    private readonly List<Site> _sites = [];
    private readonly List<Uri> _authorities = [];
    private readonly List<string> _trail = [];
    private ReadyUser? _person;
    private (Uri Url, List<KeyValuePair<string, string>> Fields)? _lastForm;
    private HttpRequestMessage? _lastCallback;
    private string? _lastTyped;

    internal AuthorityBrowser(TestAuthority authority, string? user)
    {
        _authority = authority;
        _cookies = new CookieJar(authority.Time);
        _person = user is null ? null : authority.FindUser(user);
        Knows(authority);
    }

    /// <summary>The cookies that a host has set, by name.</summary>
    /// <param name="host">The host, such as <c>localhost</c>.</param>
    public IReadOnlyDictionary<string, string> Cookies(string host) => _cookies.Of(host);

    /// <summary>Lets the browser reach an app, or another authority.</summary>
    /// <param name="site">The app.</param>
    public AuthorityBrowser Knows(Site site)
    {
        _sites.RemoveAll(known => SameOrigin(known.BaseAddress, site.BaseAddress));
        _sites.Add(site);
        return this;
    }

    /// <summary>Lets the browser reach another authority; its people are asked for by the same names and passwords.</summary>
    /// <param name="other">The other authority.</param>
    public AuthorityBrowser Knows(TestAuthority other)
    {
        ArgumentNullException.ThrowIfNull(other);
        _authorities.Add(new Uri(other.Issuer));
        return Knows(new Site(new Uri(other.Issuer), other.CreateHandler()));
    }

    /// <summary>Opens a page of an app and goes on until there is nothing more to follow, sign in to or decide.</summary>
    /// <param name="app">An HTTP client of the app, with a base address.</param>
    /// <param name="path">The page, such as <c>/login</c>.</param>
    public Task<BrowserStop> FollowAsync(HttpClient app, string path) => FollowAsync(Site.Of(app), path);

    /// <summary>Opens a page of an app and goes on until there is nothing more to follow, sign in to or decide.</summary>
    /// <param name="app">The app's server.</param>
    /// <param name="path">The page, such as <c>/login</c>.</param>
    public Task<BrowserStop> FollowAsync(TestServer app, string path) => FollowAsync(Site.Of(app), path);

    /// <summary>Opens a page of an app and goes on until there is nothing more to follow, sign in to or decide.</summary>
    /// <param name="app">The app.</param>
    /// <param name="path">The page, such as <c>/login</c>.</param>
    public Task<BrowserStop> FollowAsync(Site app, string path)
    {
        ArgumentNullException.ThrowIfNull(app);
        return Knows(app).OpenAsync(new Uri(app.BaseAddress, path).ToString());
    }

    /// <summary>
    /// Opens an address, such as an authorization request, and goes on until there is nothing more to follow, sign in to or decide. An address that no
    /// known app answers, such as a redirect URI of a client that is no app, is not opened; one on a port of loopback is tried.
    /// </summary>
    /// <param name="url">The address.</param>
    public async Task<BrowserStop> OpenAsync(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        _trail.Clear();
        (_lastForm, _lastTyped) = (null, null);
        var stop = await GoAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(url)), form: null).ConfigureAwait(false);
        return _goesBack ? await GoBackAsync(stop).ConfigureAwait(false) : stop;
    }

    /// <summary>Opens an address by a POST, as a page's form does.</summary>
    /// <param name="url">The address.</param>
    /// <param name="fields">What the form has.</param>
    public Task<BrowserStop> PostAsync(string url, params IEnumerable<(string Name, string Value)> fields)
    {
        _trail.Clear();
        return GoAsync(Post(new Uri(url), [.. fields.Select(field => KeyValuePair.Create(field.Name, field.Value))]), form: null);
    }

    // Until the way ends: a page of an app, an error, an address that is not opened.
    private async Task<BrowserStop> GoAsync(HttpRequestMessage request, IReadOnlyDictionary<string, string>? form)
    {
        while (true)
        {
            if (_trail.Count > LongestTrail) throw new AuthorityAssertionException($"The way never comes to an end:\n{string.Join('\n', _trail)}");
            var url = request.RequestUri!;
            if (IsCallback(url, form))
            {
                if (_tamper is { } tamper) (url, form) = Tampered(request, form, tamper);
                _lastCallback = await CopyAsync(request).ConfigureAwait(false);
                if (_closesTab) return Unopened(url, form);
                if (_submitsTwice && SiteOf(url) is not null) (await SendAsync(await CopyAsync(request).ConfigureAwait(false)).ConfigureAwait(false))?.Dispose();
            }

            if (await SendAsync(request).ConfigureAwait(false) is not { } response) return Unopened(url, form);
            form = null;
            if (!IsAuthority(url)) _lastTyped = null;
            if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
            {
                var repeats = response.StatusCode is HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
                var content = repeats && request.Content is not null ? await CopyAsync(request).ConfigureAwait(false) : null;
                request = new HttpRequestMessage(repeats ? request.Method : HttpMethod.Get, new Uri(url, location)) { Content = content?.Content };
                response.Dispose();
                continue;
            }

            var body = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
            if (response.Content.Headers.ContentType?.MediaType == "text/html" && PageForm.First(body) is { } page && await AnswerAsync(url, page, response).ConfigureAwait(false) is { } next)
            {
                request = next.Request;
                form = next.IsLeaving ? page.Fields.ToDictionary(field => field.Name, field => field.Value, StringComparer.Ordinal) : null;
                continue;
            }

            return new BrowserStop(url, response, body, null, [.. _trail]);
        }
    }

    // What the person does with a page; null if there is nothing to do.
    private async Task<(HttpRequestMessage Request, bool IsLeaving)?> AnswerAsync(Uri url, PageForm page, HttpResponseMessage response)
    {
        if (!IsAuthority(url)) return null;
        var action = new Uri(url, page.Action);
        // form_post: the page sends itself on.
        if (!SameOrigin(action, url)) return (Post(action, page.Filled()), true);

        if (page.Has("password") && response.IsSuccessStatusCode && _person is { } person) return await Submit(("username", person.Username), ("password", person.Password)).ConfigureAwait(false);
        if (page.HasButton("decision", "allow")) return await Submit(("decision", _denies ? "deny" : "allow")).ConfigureAwait(false);
        if (page.HasButton("decision", "logout")) return await Submit(("decision", "logout")).ConfigureAwait(false);
        if (page.HasButton("account", "other")) return await Submit(("account", _choosesOther || !page.HasButton("account", "continue") ? "other" : "continue")).ConfigureAwait(false);
        return null;

        async Task<(HttpRequestMessage, bool)?> Submit(params (string Name, string Value)[] typed)
        {
            var fields = page.Filled(typed);
            // The same answer to the same page again: it was not taken.
            if ($"{action} {string.Join(' ', typed)}" is var answer && answer == _lastTyped) return null;
            _lastTyped = answer;
            _lastForm = (action, fields);
            if (_submitsTwice) (await SendAsync(Post(action, fields)).ConfigureAwait(false))?.Dispose();
            return (Post(action, fields), false);
        }
    }

    private async Task<HttpResponseMessage?> SendAsync(HttpRequestMessage request)
    {
        var url = request.RequestUri!;
        if (SiteOf(url) is not { } site) return null;
        if (_cookies.HeaderFor(url) is { } cookies) request.Headers.TryAddWithoutValidation("Cookie", cookies);
        request.Headers.Accept.ParseAdd("text/html");
        using var invoker = new HttpMessageInvoker(site.Handler, disposeHandler: false);
        HttpResponseMessage response;
        try
        {
            response = await invoker.SendAsync(request, CancellationToken.None).ConfigureAwait(false);
        }
        catch (HttpRequestException) when (!_sites.Contains(site))
        {
            return null; // nobody listens on that port of loopback
        }

        _trail.Add($"{request.Method} {url.GetLeftPart(UriPartial.Path)}{(url.Query.Length > 1 ? $"?{string.Join('&', UrlParameters.Read(url.Query).Keys)}" : "")} -> {(int)response.StatusCode}");
        if (response.Headers.TryGetValues("Set-Cookie", out var lines))
        {
            foreach (var line in lines) _cookies.Set(url, line);
        }

        return response;
    }

    private static HttpRequestMessage Post(Uri url, IEnumerable<KeyValuePair<string, string>> fields) => new(HttpMethod.Post, url) { Content = new FormUrlEncodedContent(fields) };

    private static async Task<HttpRequestMessage> CopyAsync(HttpRequestMessage request)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri);
        if (request.Content is { } content)
        {
            copy.Content = new ByteArrayContent(await content.ReadAsByteArrayAsync().ConfigureAwait(false));
            copy.Content.Headers.ContentType = content.Headers.ContentType;
        }

        return copy;
    }

    private static bool SameOrigin(Uri one, Uri other) => one.Scheme == other.Scheme && one.Host == other.Host && one.Port == other.Port;

    private bool IsAuthority(Uri url) => _authorities.Exists(authority => SameOrigin(authority, url));

    // An authorization response on its way out of the authority.
    private bool IsCallback(Uri url, IReadOnlyDictionary<string, string>? form)
    {
        if (IsAuthority(url)) return false;
        var parameters = form ?? UrlParameters.Read(url.Query);
        return parameters.ContainsKey("code") || parameters.ContainsKey("response") || (parameters.ContainsKey("error") && parameters.ContainsKey("state"));
    }

    private Site? SiteOf(Uri url)
    {
        if (_sites.Find(site => SameOrigin(site.BaseAddress, url)) is { } known) return known;
        // A native app may listen there.
        return url.Scheme == "http" && url.IsLoopback && !url.IsDefaultPort ? Site.At(url.GetLeftPart(UriPartial.Authority)) : null;
    }

    private BrowserStop Unopened(Uri url, IReadOnlyDictionary<string, string>? form) => new(url, null, "", form, [.. _trail]);
}
