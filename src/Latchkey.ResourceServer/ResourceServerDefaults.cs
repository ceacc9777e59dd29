namespace Latchkey.ResourceServer;

/// <summary>Names that the guard goes by.</summary>
public static class ResourceServerDefaults
{
    /// <summary>The authentication scheme, unless another name is given: <c>Latchkey</c>.</summary>
    public const string AuthenticationScheme = "Latchkey";

    /// <summary>The name of the meter and of the activity source: <c>Latchkey.ResourceServer</c>.</summary>
    public const string Telemetry = "Latchkey.ResourceServer";
}
