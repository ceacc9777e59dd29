using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>A backend for a single-page app (RFC 10017 section 6.1): the app's script asks this backend, and only the backend has tokens.</summary>
public sealed class BffOptions
{
    private readonly List<BffApi> _apis = [];

    /// <summary>The scheme that signs people in; the app's default scheme if null.</summary>
    public string? Scheme { get; set; }

    /// <summary>Where the backend's own endpoints are: <c>/user</c>, <c>/login</c> and <c>/logout</c> below it; <c>/bff</c> unless set.</summary>
    public PathString Path { get; set; } = "/bff";

    /// <summary>
    /// The header that every call must carry, whatever its value; <c>X-CSRF</c> unless set. No other site can add it without this one's leave
    /// (RFC 10017 section 6.1.3.3).
    /// </summary>
    public string Header { get; set; } = "X-CSRF";

    /// <summary>The APIs that calls may go to.</summary>
    public IReadOnlyList<BffApi> Apis => _apis;

    /// <summary>
    /// Lets calls below a path of this app through to an API, with the access token of whoever is signed in. Nothing else is let through: no other
    /// host, no path outside the API's address.
    /// </summary>
    /// <param name="path">The path here, such as <c>/api/orders</c>.</param>
    /// <param name="address">The API's address, such as <c>https://orders.example.com/v1</c>: https, or http on loopback.</param>
    /// <param name="configure">Changes what may pass.</param>
    /// <returns>The options.</returns>
    /// <exception cref="ArgumentException">The path or the address is not right; the message says how.</exception>
    public BffOptions MapApi(PathString path, string address, Action<BffApi>? configure = null)
    {
        if (!path.HasValue || path == "/") throw new ArgumentException("The path is empty; use one such as /api.", nameof(path));
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))
            || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            throw new ArgumentException($"\"{address}\" is not the address of an API; use an https address without a query (http on loopback).", nameof(address));
        }

        var api = new BffApi(path, uri.AbsoluteUri.TrimEnd('/'));
        configure?.Invoke(api);
        _apis.Add(api);
        return this;
    }
}

/// <summary>An API that calls may go to.</summary>
public sealed class BffApi
{
    internal BffApi(PathString path, string address) => (Path, Address) = (path, address);

    /// <summary>The path here.</summary>
    public PathString Path { get; }

    /// <summary>The API's address, without a slash at its end.</summary>
    public string Address { get; }

    /// <summary>The methods that may pass; GET, HEAD, POST, PUT, PATCH and DELETE unless changed.</summary>
    public ISet<string> Methods { get; } = new HashSet<string>(StringComparer.Ordinal) { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };

    /// <summary>
    /// Paths below <see cref="Path"/> that may pass, each with all that is below it, such as <c>/orders</c>; empty, as it is unless changed, for all.
    /// </summary>
    public IList<PathString> Paths { get; } = [];

    /// <summary>The browser's headers that are passed on. <c>Cookie</c>, <c>Authorization</c> and <c>Host</c> never are.</summary>
    public ISet<string> RequestHeaders { get; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "Accept", "Accept-Language", "Content-Type", "Content-Language", "Content-Length", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
        "Idempotency-Key", "Prefer", "Range",
    };

    /// <summary>The API's headers that are passed back. <c>Set-Cookie</c> never is.</summary>
    public ISet<string> ResponseHeaders { get; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Range", "Content-Type", "ETag",
        "Expires", "Last-Modified", "Link", "Retry-After", "Vary",
    };

    /// <summary>The scope to ask for, part of what was granted; null for all of it.</summary>
    public string? Scope { get; set; }

    /// <summary>The API's identifier (RFC 8707), where tokens are for one API each; null for that of the sign-in.</summary>
    public string? Resource { get; set; }
}
