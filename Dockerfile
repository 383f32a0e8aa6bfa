# The program as an image, for a laptop without Python and for KubeRay (docs/cluster.md).
#   docker build -t grokking-study .
#   docker run --rm --shm-size=1g -v "$PWD/runs:/work/runs" grokking-study
# The second line runs the first study of README.md; other commands go behind it: study list.
FROM python:3.11-slim

# A C compiler builds the fused kernel; KubeRay asks with wget whether a node lives; Ray wants ps.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev procps wget \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/grokking-study
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY study ./study
COPY analysis ./analysis
RUN pip install --no-cache-dir -c constraints.txt .

WORKDIR /work
CMD ["study", "run", "quick"]
